"""The scores of an image's windows become one score a class, and join those of the whole image (METHOD §6).

Letters: N images, W windows, K classes. All in float64, whatever the scores are stored in.
"""

import numpy as np

from lexiclip.errors import InputError


def standardise(scores: np.ndarray) -> np.ndarray:
    """Zero mean and unit deviation over classes, the last dimension; constant scores become zeros.

    A single class has nothing to be compared with and keeps its scores.
    """
    if scores.shape[-1] == 1:
        return scores
    deviation = np.maximum(scores.std(-1, ddof=1, keepdims=True), 1e-6)
    return (scores - scores.mean(-1, keepdims=True)) / deviation


def _plain(scores: np.ndarray, similarity_weight: np.ndarray, threshold: float) -> np.ndarray:
    weighted = scores * similarity_weight
    return _most_or_least(weighted * (1 + _variance(weighted)), threshold)


def _sharper(scores: np.ndarray, similarity_weight: np.ndarray, threshold: float) -> np.ndarray:
    weighted = scores * similarity_weight
    return _most_or_least(weighted * (1 + _variance(scores)) * (1 + _variance(weighted)), threshold)


def _standardised(scores: np.ndarray, similarity_weight: np.ndarray, threshold: float) -> np.ndarray:
    """The best window after each was standardised; similarity and threshold have no meaning on that scale."""
    return standardise(scores).max(1)  # (N, K)


FUSIONS = {"plain": _plain, "sharper": _sharper, "standardised": _standardised}


def fuse(scores: np.ndarray, sims: np.ndarray | None, form: str, threshold: float = 0.2) -> np.ndarray:
    """One score a class (N, K) from the window scores (N, W, K) of one branch.

    `sims` (N, W): the mean cosine of each window's nearest captions; None (retrieval off) weighs all alike.
    `form` is a key of FUSIONS. InputError for an unknown form or no windows.
    """
    if form not in FUSIONS:
        raise InputError(f"unknown fusion {form!r}: choose one of {', '.join(FUSIONS)}")
    if scores.shape[1] == 0:
        raise InputError("no windows to fuse: give window scales, or use the scores of whole images")
    scores = np.asarray(scores, np.float64)  # stored as fp16, too coarse for a variance
    weight = np.ones(1) if sims is None else 1 + np.asarray(sims, np.float64)[..., None]  # (N, W, 1)
    return FUSIONS[form](scores, weight, threshold)


def combine(whole: np.ndarray, fused: np.ndarray, weight: float = 1.5) -> np.ndarray:
    """Whole image plus weighted windows, both (N, K)."""
    return whole + weight * fused


def image_scores(
    scores: np.ndarray, sims: np.ndarray | None, form: str, threshold: float = 0.2, weight: float = 1.5
) -> np.ndarray:
    """Scores (N, K) of one branch from its views (N, 1+W, K), the whole image first; `sims` (N, 1+W) or None.

    With the standardised form the whole image is standardised as well, to be on the windows' scale.
    """
    fused = fuse(scores[:, 1:], None if sims is None else sims[:, 1:], form, threshold)
    whole = np.asarray(scores[:, 0], np.float64)  # (N, K)
    return combine(standardise(whole) if form == "standardised" else whole, fused, weight)


def total(global_: np.ndarray, local: np.ndarray, local_weight: float) -> np.ndarray:
    """Both branches together, global + c · local, with METHOD's c as `local_weight`."""
    return global_ + local_weight * local


def _variance(scores: np.ndarray) -> np.ndarray:
    """Unbiased variance over classes, (N, W, 1); that of a single class is 0."""
    if scores.shape[-1] == 1:
        return np.zeros_like(scores)
    return scores.var(-1, ddof=1, keepdims=True)


def _most_or_least(scores: np.ndarray, threshold: float) -> np.ndarray:
    """The largest window score where it passes the threshold, else the smallest: unseen classes sink."""
    most, least = scores.max(1), scores.min(1)  # (N, K)
    return np.where(most > threshold, most, least)
