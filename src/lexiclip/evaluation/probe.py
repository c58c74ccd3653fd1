"""What labels could do, the ceiling of the study: a linear probe of features, trained on labelled images.

Letters: N images, V views of each, the whole image first, D feature dimensions, K classes.
"""

from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from tqdm import tqdm

from lexiclip.errors import InputError

# Chosen on development scenes (docs/results.md).
EPOCHS, BATCH, RATE, DECAY = 60, 128, 0.01, 10.0


class Probe(NamedTuple):
    """Weights (K, D) of the whole image and of its best window; features are standardised before."""

    mean: Tensor
    deviation: Tensor
    whole: Tensor
    window: Tensor
    bias: Tensor


def fit_probe(features: Tensor, labels: np.ndarray, seed: int, dtype: torch.dtype) -> Probe:
    """The probe of features (N, V, D) and labels (N, K), by binary cross-entropy; V = 1: no window counts.

    Computed in `dtype`. InputError for fewer than two images, which have no deviation.
    """
    if len(features) < 2:
        raise InputError(f"{len(features)} labelled images to train the probe on: give two or more")
    deviation, mean = torch.std_mean(features.to(dtype), dim=(0, 1))
    targets = torch.from_numpy(labels == 1).to(dtype)
    share = targets.mean(0).clamp(1e-3, 1 - 1e-3)
    whole, window = (
        torch.zeros(targets.shape[1], len(mean), dtype=dtype, requires_grad=True) for _ in range(2)
    )
    bias = torch.logit(share).requires_grad_()  # as if no image told anything
    probe = Probe(mean, deviation.clamp(min=1e-6), whole, window, bias)
    optimizer = torch.optim.AdamW(
        [{"params": [whole, window], "weight_decay": DECAY}, {"params": [bias], "weight_decay": 0}], lr=RATE
    )
    batches = -(-len(features) // BATCH)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, EPOCHS * batches)
    random = np.random.default_rng(seed)
    for _ in tqdm(range(EPOCHS), desc="probe", unit="epoch", disable=None):
        for rows in np.array_split(random.permutation(len(features)), batches):
            logits = probe_logits(probe, features[rows])
            loss = F.binary_cross_entropy_with_logits(logits, targets[rows], reduction="sum") / len(rows)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    return Probe(*(part.detach() for part in probe))


def probe_logits(probe: Probe, features: Tensor) -> Tensor:
    """Logits (N, K) of features (N, V, D): the whole image's and the highest of its windows'."""
    views = (features.to(probe.mean) - probe.mean) / probe.deviation
    logits = views[:, 0] @ probe.whole.T + probe.bias
    return logits + (views[:, 1:] @ probe.window.T).amax(1) if views.shape[1] > 1 else logits
