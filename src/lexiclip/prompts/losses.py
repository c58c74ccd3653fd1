"""Logits and labels in, a scalar loss out (METHOD §5): ranking, its pair weights, distillation."""

import torch
import torch.nn.functional as F
from torch import Tensor

from lexiclip.prompts.logits import Logits

LOCAL_DISTILLATION = 10000.0


def ranking_loss(logits: Tensor, labels: Tensor, weights: Tensor | None = None) -> Tensor:
    """Mean over rows of Σ max(0, 1 - z_p + z_q) over a row's positive classes p and negative classes q.

    logits (B, K); labels (B, K), 1 or 0; weights (K, K), read as [q, p], multiply each term.
    """
    positive = labels > 0
    margins = 1 - logits.unsqueeze(1) + logits.unsqueeze(2)  # (B, q, p)
    pairs = ~positive.unsqueeze(2) & positive.unsqueeze(1)  # (B, q, p)
    losses = margins.clamp(min=0) * pairs
    if weights is not None:
        losses = losses * weights
    return losses.sum(dim=(1, 2)).mean()


def cooccurrence_weights(cooccurrence: Tensor) -> Tensor:
    """Weights (K, K) of the ranking loss, [q, p], from P(j|i) at [i, j]: the rarer together, the heavier."""
    weights = torch.log(1 / (cooccurrence + 1e-6))
    weights = weights.masked_fill(torch.eye(len(weights), dtype=torch.bool, device=weights.device), 0)
    return weights / weights.mean(dim=1, keepdim=True)


def distillation_loss(student: Logits, average: Logits) -> Tensor:
    """KL of the student's class distributions from the averaged prompts', the local branch times 10000."""
    global_ = _divergence(student.global_, average.global_)
    return global_ + LOCAL_DISTILLATION * _divergence(student.local, average.local)


def _divergence(student: Tensor, average: Tensor) -> Tensor:
    return F.kl_div(student.log_softmax(dim=-1), average.softmax(dim=-1), reduction="batchmean")
