"""Which classes captions name together (METHOD §6): labels in, P(j|i) out, which raises local logits."""

import numpy as np


def cooccurrence(labels: np.ndarray) -> np.ndarray:
    """P(j|i) (K, K) with zero diagonal: the share of texts naming class i that name class j too.

    `labels` (N, K) holds 0 and 1. The row of a class in no text is zero.
    """
    labels = labels.astype(np.float64)
    together = labels.T @ labels  # (K, K) counts
    texts = together.diagonal().copy()
    np.fill_diagonal(together, 0)
    return together / np.maximum(texts, 1)[:, None]


def row_normalised(matrix: np.ndarray) -> np.ndarray:
    """Each row (K, K) divided by its sum; a row of zeros stays zero."""
    sums = matrix.sum(1, keepdims=True)
    return np.divide(matrix, sums, out=np.zeros_like(matrix), where=sums > 0)


def modulate(local: np.ndarray, matrix: np.ndarray, weight: float = 0.5) -> np.ndarray:
    """Local logits z (..., K) raised by co-occurring classes: z + weight · z M, M (K, K) row-normalised."""
    return local + weight * local @ matrix
