"""From stored window scores to one score a class for each image, with and without windows (METHOD §6)."""

from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import numpy as np

from lexiclip.scoring.cooccurrence import modulate
from lexiclip.scoring.fusion import image_scores, total
from lexiclip.scoring.window_store import WindowScores, read_shards


class ImageScores(NamedTuple):
    """Scores of N images: `whole` (N, K) of the whole image alone, `windows` (N, K) with windows fused."""

    ids: list[str]
    whole: np.ndarray
    windows: np.ndarray


def fuse_variant(folder: str | Path, variant: str, companions: np.ndarray, **how: object) -> ImageScores:
    """The stored scores of one variant, fused as `fuse_shard` does with `how`."""
    shards = read_shards(folder, variant)
    return joined([fuse_shard(shard, companions, **how) for shard in shards])


def joined(shards: Sequence[ImageScores]) -> ImageScores:
    """One shard after the other."""
    ids, whole, windows = zip(*shards, strict=True)
    return ImageScores(list(chain(*ids)), np.concatenate(whole), np.concatenate(windows))


def fuse_shard(
    shard: WindowScores,
    companions: np.ndarray,
    *,
    form: str,
    local_weight: float,
    window_weight: float,
    threshold: float,
    retrieval: bool,
    companion_weight: float,
    views: Sequence[int] | None = None,
) -> ImageScores:
    """Fuse stored scores; `companions` (K, K) is the row-normalised co-occurrence.

    Retrieval, where the pass stored it, moves the global branch halfway to the nearest captions. `views` are
    the rows of the views to use, 0 the whole image; with no window among them both results are the same.
    """
    rows = slice(None) if views is None else list(views)
    global_, local = (np.asarray(scores[:, rows], np.float64) for scores in (shard.global_, shard.local))
    sims = None
    if retrieval and shard.retrieved is not None:
        global_, sims = (global_ + shard.retrieved[:, rows]) / 2, shard.sims[:, rows]
    if companion_weight:
        local = modulate(local, companions, companion_weight)
    whole = total(global_[:, 0], local[:, 0], local_weight)
    if global_.shape[1] == 1:
        return ImageScores(shard.ids, whole, whole)
    fused = [image_scores(branch, sims, form, threshold, window_weight) for branch in (global_, local)]
    return ImageScores(shard.ids, whole, total(*fused, local_weight))
