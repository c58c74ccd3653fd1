"""Which classes captions name together (METHOD §6): labels in, P(j|i) out, which raises local logits."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from lexiclip.errors import InputError

if TYPE_CHECKING:
    from scipy import sparse


def cooccurrence(labels: "sparse.sparray | ArrayLike") -> np.ndarray:
    """P(j|i) (K, K) with zero diagonal: the share of texts naming class i that name class j too.

    `labels` (N, K) holds 0 and 1, dense or scipy sparse. The row of a class in no text is zero.
    """
    from scipy import sparse  # here: `lexiclip predict`, which counts nothing, imports this module

    labels = sparse.csr_array(labels).astype(np.float64)
    if labels.ndim != 2 or not np.isin(labels.data, (0, 1)).all():
        raise InputError(f"labels of shape {labels.shape}: expected texts by classes, zeros and ones only")
    together = (labels.T @ labels).toarray()  # (K, K) counts LᵀL
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
