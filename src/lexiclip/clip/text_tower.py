"""Tokens or their embeddings in, text features out (METHOD §3).

The tower is causal, so nothing after the longest EOS is computed: the features are those of all 77 positions.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lexiclip.errors import InputError


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
    cut = tokens[:, : int(eos.max()) + 1]  # (B, L)
    outputs = _outputs(clip, embed_tokens(clip, cut))
    local = F.normalize(project(clip, outputs).float(), dim=-1)  # (B, L, D)
    return TextFeatures(local[torch.arange(len(local), device=local.device), eos], local, eos + 1)


def encode_prompts(clip: nn.Module, embeddings: Tensor, eos: Tensor) -> Tensor:
    """L2-normalised features (K, D) of token embeddings (K, L, d) with EOS at `eos` (K,); differentiable."""
    longest = int(eos.max()) + 1
    outputs = _outputs(clip, embeddings[:, :longest])
    at_eos = outputs[torch.arange(len(outputs), device=outputs.device), eos]  # (K, d)
    return F.normalize(project(clip, at_eos).float(), dim=-1)


def embed_tokens(clip: nn.Module, tokens: Tensor) -> Tensor:
    """Token embeddings (B, L, d) of tokens (B, L), without positions."""
    return text_tower(clip).token_embedding(tokens)


def context_length(clip: nn.Module) -> int:
    """The most tokens a text may have, SOS and EOS included: 77 for every CLIP of OpenAI's."""
    return text_tower(clip).positional_embedding.shape[0]


def text_width(clip: nn.Module) -> int:
    """The size d of a token embedding, hence of a context vector."""
    return text_tower(clip).positional_embedding.shape[1]


def text_tower(clip: nn.Module) -> nn.Module:
    """The module that holds the text transformer's parts. InputError if it is not causal."""
    tower = getattr(clip, "text", clip)
    if getattr(tower, "attn_mask", None) is None or not hasattr(tower, "token_embedding"):
        raise InputError(
            f"text tower {type(tower).__name__} is not causal: prompts need CLIP's own text transformer "
            "(choose a model such as RN50, ViT-B-16 or data/clip/mini.json)"
        )
    return tower


def _outputs(clip: nn.Module, embeddings: Tensor) -> Tensor:
    tower, length = text_tower(clip), embeddings.shape[1]
    x = embeddings + tower.positional_embedding[:length]  # (B, L, d)
    return tower.ln_final(tower.transformer(x, attn_mask=tower.attn_mask[:length, :length]))


def project(clip: nn.Module, outputs: Tensor) -> Tensor:
    """Outputs (..., d) of the last layer into the joint space (..., D)."""
    projection = text_tower(clip).text_projection
    return projection(outputs) if isinstance(projection, nn.Module) else outputs @ projection
