"""Tokens or their embeddings in, text features out (METHOD §3).

In a causal tower nothing after the longest EOS is computed: the features are those of all 77 positions. A
tower that reads in both directions (MobileCLIP-S1) sees the padding too and reads all of them.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lexiclip.errors import InputError
from lexiclip.precision import at_least_float32


class TextFeatures(NamedTuple):
    """L2-normalised features of B texts: global_ (B, D), local (B, L, D), lengths (B,) with SOS and EOS.

    local rows at and after a text's length belong to padding.
    """

    global_: Tensor
    local: Tensor
    lengths: Tensor


def encode_texts(clip: nn.Module, tokens: Tensor) -> TextFeatures:
    """Features of tokens (B, 77): the output at EOS and at every position, times the projection."""
    eos = tokens.argmax(dim=-1)  # EOS has the highest id of the vocabulary
    read = tokens[:, : int(eos.max()) + 1] if is_causal(clip) else tokens  # (B, L)
    outputs = _outputs(clip, embed_tokens(clip, read))
    local = F.normalize(at_least_float32(project(clip, outputs)), dim=-1)  # (B, L, D)
    return TextFeatures(local[torch.arange(len(local), device=local.device), eos], local, eos + 1)


def encode_prompts(clip: nn.Module, embeddings: Tensor, eos: Tensor) -> Tensor:
    """L2-normalised features (K, D) of token embeddings (K, L, d) with EOS at `eos` (K,); differentiable."""
    embeddings = embeddings[:, : int(eos.max()) + 1]
    if not is_causal(clip):
        missing = context_length(clip) - embeddings.shape[1]
        padding = embed_tokens(clip, eos.new_zeros(len(eos), missing))
        embeddings = torch.cat([embeddings, padding], dim=1)  # (K, 77, d)
    outputs = _outputs(clip, embeddings)
    at_eos = outputs[torch.arange(len(outputs), device=outputs.device), eos]  # (K, d)
    return F.normalize(at_least_float32(project(clip, at_eos)), dim=-1)


def embed_tokens(clip: nn.Module, tokens: Tensor) -> Tensor:
    """Token embeddings (B, L, d) of tokens (B, L), without positions."""
    return text_tower(clip).token_embedding(tokens)


def context_length(clip: nn.Module) -> int:
    """The most tokens a text may have, SOS and EOS included: 77 for every CLIP of OpenAI's."""
    return text_tower(clip).positional_embedding.shape[0]


def text_width(clip: nn.Module) -> int:
    """The size d of a token embedding, hence of a context vector."""
    return text_tower(clip).positional_embedding.shape[1]


def is_causal(clip: nn.Module) -> bool:
    """False if a position also reads those after it."""
    return text_tower(clip).attn_mask is not None


def text_tower(clip: nn.Module) -> nn.Module:
    """The module that holds the text transformer's parts. InputError if prompts cannot go through it."""
    tower = getattr(clip, "text", clip)
    if not hasattr(tower, "token_embedding") or not hasattr(tower, "attn_mask"):
        _refuse(type(tower).__name__, "takes no prompt embeddings")
    if getattr(tower, "cls_emb", None) is not None:
        _refuse(type(tower).__name__, "reads a class token, not EOS")
    pool = getattr(tower, "pool_type", getattr(tower, "text_pool_type", "argmax"))
    if pool != "argmax":
        _refuse(type(tower).__name__, f"pools {pool!r}, not at CLIP's EOS")
    return tower


def check_takes_prompts(text_cfg: dict) -> None:
    """InputError if the text tower of open_clip's config is one that `text_tower` refuses; builds nothing."""
    if name := text_cfg.get("hf_model_name"):
        _refuse(name, "takes no prompt embeddings")
    if text_cfg.get("embed_cls"):
        _refuse("of this config", "reads a class token, not EOS")
    if (pool := text_cfg.get("pool_type", "argmax")) != "argmax":
        _refuse("of this config", f"pools {pool!r}, not at CLIP's EOS")


def _refuse(tower: str, reason: str) -> None:
    raise InputError(
        f"text tower {tower} {reason}: choose a model with CLIP's own text transformer "
        "(RN50, ViT-B-16, convnext_base, MobileCLIP-S1, data/clip/mini.json)"
    )


def _outputs(clip: nn.Module, embeddings: Tensor) -> Tensor:
    tower, length = text_tower(clip), embeddings.shape[1]
    mask = tower.attn_mask[:length, :length] if is_causal(clip) else None
    x = embeddings + tower.positional_embedding[:length]  # (B, L, d)
    return tower.ln_final(tower.transformer(x, attn_mask=mask))


def project(clip: nn.Module, outputs: Tensor) -> Tensor:
    """Outputs (..., d) of the last layer into the joint space (..., D)."""
    projection = text_tower(clip).text_projection
    return projection(outputs) if isinstance(projection, nn.Module) else outputs @ projection
