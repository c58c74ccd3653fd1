"""Scores of an image's views in, one score per class out, with and without windows (METHOD §6).

Letters: N images, W windows, K classes. All in float64, whatever the scores are stored in.
"""

from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import numpy as np

from lexiclip.scoring.cooccurrence import modulate
from lexiclip.scoring.window_store import WindowScores, read_shards

# Retrieval and co-occurrence know the captions of one vocabulary, not any class that a user may name.
WITHOUT_CAPTIONS = {"retrieval": False, "companion_weight": 0.0}


class FusedScores(NamedTuple):
    """Scores of N images: `whole` (N, K) of the whole image alone, `windows` (N, K) with windows fused."""

    ids: list[str]
    whole: np.ndarray
    windows: np.ndarray


def fuse_variant(folder: str | Path, variant: str, companions: np.ndarray, **how: object) -> FusedScores:
    """The stored scores of one variant, fused as `fuse_scores` does with `how`."""
    return concatenated([fuse_scores(shard, companions, **how) for shard in read_shards(folder, variant)])


def concatenated(shards: Sequence[FusedScores]) -> FusedScores:
    """The scores of all shards, one after the other."""
    ids, whole, windows = zip(*shards, strict=True)
    return FusedScores(list(chain(*ids)), np.concatenate(whole), np.concatenate(windows))


def fuse_scores(
    scores: WindowScores,
    companions: np.ndarray | None,
    *,
    form: str,
    local_weight: float,
    window_weight: float,
    threshold: float,
    retrieval: bool,
    companion_weight: float,
    views: Sequence[int] | None = None,
    shared: dict | None = None,
) -> FusedScores:
    """Fuse the views of each image; `companions` (K, K) is the row-normalised co-occurrence.

    Retrieval, where there is any, moves the global branch halfway to the nearest captions. `views` are the
    rows of the views to use, 0 the whole image; without windows both results are the same. Calls with the
    same scores may pass one dict as `shared`: what their settings have in common is then fused once.
    """
    shared = {} if shared is None else shared
    branches = []
    for local in (False, True) if local_weight else (False,):
        weight = companion_weight if local else 0.0
        how = (local, retrieval, weight, form, threshold, None if views is None else tuple(views))
        if how not in shared:
            shared[how] = _fuse_branch(scores, companions, *how)
        whole, start, windows = shared[how]
        branches.append((whole, start + window_weight * windows))
    if not local_weight:
        return FusedScores(scores.ids, *branches[0])
    return FusedScores(scores.ids, *(total(*parts, local_weight) for parts in zip(*branches, strict=True)))


def _fuse_branch(
    scores: WindowScores,
    companions: np.ndarray | None,
    local: bool,
    retrieval: bool,
    companion_weight: float,
    form: str,
    threshold: float,
    views: Sequence[int] | None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray | float]:
    """The scores (N, K) of the whole image by one branch, then the two that `fuse_views` returns."""
    rows = slice(None) if views is None else list(views)
    branch = np.asarray((scores.local if local else scores.global_)[:, rows], np.float64)
    sims = None
    if retrieval and scores.retrieved is not None:
        branch, sims = branch if local else (branch + scores.retrieved[:, rows]) / 2, scores.sims[:, rows]
    if companion_weight:
        branch = modulate(branch, companions, companion_weight)
    whole = branch[:, 0].copy()  # a view would keep all windows in memory
    return whole, *((whole, 0.0) if branch.shape[1] == 1 else fuse_views(branch, sims, form, threshold))


def total(global_: np.ndarray, local: np.ndarray, local_weight: float) -> np.ndarray:
    """Both branches together, global + c · local, with METHOD's c as `local_weight`."""
    return global_ + local_weight * local


def fuse_views(
    scores: np.ndarray, sims: np.ndarray | None, form: str, threshold: float = 0.2
) -> tuple[np.ndarray, np.ndarray]:
    """The whole image and its fused windows (N, K) each, to be added, from a branch's scores (N, 1+W, K).

    `sims` (N, 1+W) or None. With the standardised form the whole image is standardised as well, to be on the
    windows' scale.
    """
    fused = fuse_windows(scores[:, 1:], None if sims is None else sims[:, 1:], form, threshold)
    whole = np.array(scores[:, 0], np.float64)  # (N, K)
    return standardise(whole) if form == "standardised" else whole, fused


def fuse_windows(
    scores: np.ndarray, sims: np.ndarray | None, form: str, threshold: float = 0.2
) -> np.ndarray:
    """One score per class (N, K) from the window scores (N, W, K) of one branch.

    `sims` (N, W): the mean cosine of each window's nearest captions; None (retrieval off) weighs all alike.
    `form` is a key of FUSIONS.
    """
    scores = np.asarray(scores, np.float64)  # stored as fp16, too coarse for a variance
    weight = np.ones(1) if sims is None else 1 + np.asarray(sims, np.float64)[..., None]  # (N, W, 1)
    return FUSIONS[form](scores, weight, threshold)


def _plain(scores: np.ndarray, similarity_weight: np.ndarray, threshold: float) -> np.ndarray:
    weighted = scores * similarity_weight
    return _max_or_min(weighted * (1 + _variance(weighted)), threshold)


def _sharper(scores: np.ndarray, similarity_weight: np.ndarray, threshold: float) -> np.ndarray:
    weighted = scores * similarity_weight
    return _max_or_min(weighted * (1 + _variance(scores)) * (1 + _variance(weighted)), threshold)


def _standardised(scores: np.ndarray, similarity_weight: np.ndarray, threshold: float) -> np.ndarray:
    """The best window after each was standardised; similarity and threshold have no meaning on that scale."""
    return standardise(scores).max(1)  # (N, K)


FUSIONS = {"plain": _plain, "sharper": _sharper, "standardised": _standardised}


def standardise(scores: np.ndarray) -> np.ndarray:
    """Zero mean and unit deviation over classes, the last dimension; constant scores become zeros.

    A single class has nothing to be compared with and keeps its scores.
    """
    if scores.shape[-1] == 1:
        return scores
    deviation = np.maximum(scores.std(-1, ddof=1, keepdims=True), 1e-6)
    return (scores - scores.mean(-1, keepdims=True)) / deviation


def _variance(scores: np.ndarray) -> np.ndarray:
    """Unbiased variance over classes, (N, W, 1); that of a single class is 0."""
    if scores.shape[-1] == 1:
        return np.zeros_like(scores)
    return scores.var(-1, ddof=1, keepdims=True)


def _max_or_min(scores: np.ndarray, threshold: float) -> np.ndarray:
    """Max over windows where it is above the threshold, else min, which pushes absent classes down."""
    highest, lowest = scores.max(1), scores.min(1)  # (N, K)
    return np.where(highest > threshold, highest, lowest)
