"""Scores and labels in, one precision-recall curve over all classes out, small enough for a plot."""

import numpy as np

from lexiclip.evaluation.metrics import ranked


def mean_precisions(scores: np.ndarray, labels: np.ndarray, recalls: np.ndarray) -> np.ndarray:
    """Interpolated precision (R,) at each of `recalls` (R,), averaged over the classes that have a positive.

    Interpolated: the best precision at that recall or a higher one. Scores and labels (N, K), ignored labels
    -1, as in `evaluation`.
    """
    positive, found, seen = ranked(scores, labels)
    precision = found / np.maximum(seen, 1)
    best = np.maximum.accumulate(precision[::-1], axis=0)[::-1]  # (N, K), at that place or lower down
    curves = []
    for k in np.flatnonzero(positive.any(0)):
        recall = found[:, k] / found[-1, k]
        # The first place of recall >= r; recalls are sums of 1/positives, hence the tolerance.
        curves.append(best[np.searchsorted(recall, recalls - 1e-9), k])
    return np.mean(curves, axis=0)
