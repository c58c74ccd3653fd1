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
    # One line for each of the M positives instead of a (B, K, K) cube: a text names one class in forty.
    row, p = (labels > 0).nonzero(as_tuple=True)  # (M,), (M,)
    margins = 1 - logits[row, p].unsqueeze(1) + logits[row]  # (M, q)
    losses = margins.clamp(min=0) * (labels[row] <= 0)
    if weights is not None:
        losses = losses * weights.T[p]
    return losses.sum() / len(logits)


def cooccurrence_weights(cooccurrence: Tensor) -> Tensor:
    """Weights (K, K) of the ranking loss, [q, p], from P(j|i) at [i, j]; the rarer a pair, the higher."""
    weights = torch.log(1 / (cooccurrence + 1e-6))
    weights = weights.masked_fill(torch.eye(len(weights), dtype=torch.bool, device=weights.device), 0)
    return weights / weights.mean(dim=1, keepdim=True)


def distillation_loss(student: Logits, average: Logits) -> Tensor:
    """KL of the student's class distributions from the averaged prompts', the local branch times 10000."""
    global_ = _divergence(student.global_, average.global_)
    return global_ + LOCAL_DISTILLATION * _divergence(student.local, average.local)


def _divergence(student: Tensor, average: Tensor) -> Tensor:
    return F.kl_div(student.log_softmax(dim=-1), average.softmax(dim=-1), reduction="batchmean")
