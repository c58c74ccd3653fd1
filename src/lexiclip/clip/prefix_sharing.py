"""Prompt embeddings in, class features out (METHOD §3), with [SOS][context] encoded once for all classes.

Only a causal tower allows that. With 64 context vectors and 80 classes it leaves a tenth of the tokens.
Differentiable.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lexiclip.clip.library import ResidualAttentionBlock
from lexiclip.clip.text_tower import encode_prompts, is_causal, project, text_tower
from lexiclip.errors import InputError
from lexiclip.precision import at_least_float32


def encode_class_prompts(clip: nn.Module, beginnings: Tensor, endings: Tensor, eos: Tensor) -> Tensor:
    """L2-normalised features (C, K, D) of every beginning before every ending, whose EOS is at eos (K,).

    beginnings (C, P, d) and endings (K, S, d) are token embeddings without positions.
    """
    tower = text_tower(clip)
    contexts, shared, _ = beginnings.shape
    classes, own, _ = endings.shape
    if not is_causal(clip):
        begun = beginnings.unsqueeze(1).expand(-1, classes, -1, -1)  # (C, K, P, d)
        whole = torch.cat([begun, endings.expand(contexts, -1, -1, -1)], dim=2)  # (C, K, P + S, d)
        features = encode_prompts(clip, whole.flatten(0, 1), (shared + eos).repeat(contexts))
        return features.unflatten(0, (contexts, classes))
    positions = tower.positional_embedding[: shared + own]
    start = beginnings + positions[:shared]  # (C, P, d)
    end = (endings + positions[shared:]).expand(contexts, -1, -1, -1)  # (C, K, S, d)
    for block in tower.transformer.resblocks:
        if not isinstance(block, ResidualAttentionBlock):
            raise InputError(
                f"text tower with {type(block).__name__} is not supported: choose a model such as RN50"
            )
        start, end = _block(block, start, end)
    at_eos = end[:, torch.arange(classes, device=eos.device), eos]  # (C, K, d)
    return F.normalize(at_least_float32(project(clip, tower.ln_final(at_eos))), dim=-1)


def _block(block: ResidualAttentionBlock, start: Tensor, end: Tensor) -> tuple[Tensor, Tensor]:
    """One transformer block on beginnings (C, P, d) and on the endings (C, K, S, d) that read them too."""
    queries, keys, values = _heads(block.attn, block.ln_1(start))  # (C, h, P, d/h)
    mixed_start = F.scaled_dot_product_attention(queries, keys, values, is_causal=True)
    queries, own_keys, own_values = _heads(block.attn, block.ln_1(end))  # (C, K, h, S, d/h)
    keys, values = _joined(keys, own_keys), _joined(values, own_values)  # (C, K, h, P + S, d/h)
    seen = torch.ones(queries.shape[-2], keys.shape[-2], dtype=torch.bool, device=end.device)
    seen = seen.tril(diagonal=start.shape[1])  # (S, P + S)
    # C and K as one batch: scaled_dot_product_attention is fast on four dimensions alone
    folded = (part.flatten(0, 1) for part in (queries, keys, values))  # (C·K, h, ..., d/h)
    mixed_end = F.scaled_dot_product_attention(*folded, attn_mask=seen).unflatten(0, end.shape[:2])
    return _residual(block, start, mixed_start), _residual(block, end, mixed_end)


def _heads(attention: nn.MultiheadAttention, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Queries, keys, values (..., h, L, d/h) of x (..., L, d)."""
    projected = F.linear(x, attention.in_proj_weight, attention.in_proj_bias)  # (..., L, 3d)
    return tuple(
        part.unflatten(-1, (attention.num_heads, -1)).transpose(-2, -3) for part in projected.chunk(3, dim=-1)
    )


def _joined(shared: Tensor, own: Tensor) -> Tensor:
    """Keys or values (C, h, P, e) of the beginnings before those (C, K, h, S, e) of each ending."""
    return torch.cat([shared.unsqueeze(1).expand(-1, own.shape[1], -1, -1, -1), own], dim=-2)


def _residual(block: ResidualAttentionBlock, x: Tensor, mixed: Tensor) -> Tensor:
    """The rest of the block, from what the heads (..., h, L, d/h) have mixed for x (..., L, d)."""
    x = x + block.ls_1(block.attn.out_proj(mixed.transpose(-2, -3).flatten(-2)))
    return x + block.ls_2(block.mlp(block.ln_2(x)))
