"""Features and class vectors in, global and local logits out (METHOD §4).

Images (positions: cells of the last conv map) and captions (positions: tokens) are scored by one function.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from lexiclip.prompts.class_vectors import ClassVectors

TAU = 4.0
SPATIAL_SCALE = 50.0
MASKED = -10000.0


class Logits(NamedTuple):
    """How well K classes fit B images or captions: global_ (B, K), local (B, K)."""

    global_: Tensor
    local: Tensor


def score(global_: Tensor, local: Tensor, vectors: ClassVectors, mask: Tensor | None = None) -> Logits:
    """Logits of features global_ (B, D) and local (B, P, D); `mask` (B, P) is True where a position counts.

    Class vectors with evidence weigh positions by it and let classes compete at each position (DualCoOp++).
    """
    similarity = local @ vectors.local.T  # (B, P, K)
    if vectors.evidence is None:
        relevance = SPATIAL_SCALE * similarity
    else:
        relevance = SPATIAL_SCALE * (local @ vectors.evidence.T)  # (B, P, K)
        similarity = winner_take_all(similarity)
    if mask is not None:
        relevance = relevance + MASKED * (~mask).to(relevance.dtype).unsqueeze(-1)  # (B, P, K)
    weights = torch.softmax(relevance, dim=1)
    return Logits(TAU * (global_ @ vectors.global_.T), TAU * (similarity * weights).sum(dim=1))


def winner_take_all(similarity: Tensor) -> Tensor:
    """similarity (B, P, K) damped at each position for all classes but the one that fits it best."""
    best = similarity.amax(dim=-1, keepdim=True)  # (B, P, 1)
    return similarity * torch.softmax(SPATIAL_SCALE * similarity * (best + 1), dim=-1)
