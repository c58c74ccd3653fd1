"""Scores and labels in, one precision-recall curve over all classes out, small enough for a plot."""

import numpy as np
from sklearn.metrics import precision_recall_curve


def mean_precisions(scores: np.ndarray, labels: np.ndarray, recalls: np.ndarray) -> np.ndarray:
    """Interpolated precision (R,) at each of `recalls` (R,), averaged over the classes that have a positive.

    Interpolated: the best precision at that recall or a higher one. Scores and labels (N, K), ignored labels
    -1, as in `evaluation`.
    """
    curves = []
    for k in np.flatnonzero((labels == 1).any(0)):
        known = labels[:, k] >= 0
        precision, recall, _ = precision_recall_curve(labels[known, k], scores[known, k])
        precision, recall = precision[:-1], recall[:-1]  # without sklearn's made-up point of recall 0
        best = np.maximum.accumulate(precision)  # recalls fall
        # The last point of recall >= r; recalls are sums of 1/positives, hence the tolerance.
        reached = np.searchsorted(-recall, -(recalls - 1e-9), side="right") - 1
        curves.append(best[reached])
    return np.mean(curves, axis=0)
