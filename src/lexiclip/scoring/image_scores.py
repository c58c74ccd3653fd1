"""From stored window scores to one score a class for each image, with and without windows (METHOD §6)."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from lexiclip.scoring.cooccurrence import modulate
from lexiclip.scoring.fusion import image_scores, total
from lexiclip.scoring.window_store import read_shards


class ImageScores(NamedTuple):
    """Scores of N images: `whole` (N, K) of the whole image alone, `windows` (N, K) with windows fused."""

    ids: list[str]
    whole: Tensor
    windows: Tensor


def fuse_variant(
    folder: str | Path,
    variant: str,
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
    """Fuse the stored scores of one variant; `companions` (K, K) is the row-normalised co-occurrence.

    Retrieval, where the pass stored it, moves the global branch halfway to the nearest captions. `views` are
    the rows of the views to use, 0 the whole image; with no window among them both results are the same.
    """
    ids, whole, windows = [], [], []
    for shard in read_shards(folder, variant):
        rows = slice(None) if views is None else list(views)
        global_, local, sims = shard.global_[:, rows].float(), shard.local[:, rows].float(), None
        if retrieval and shard.retrieved is not None:
            global_, sims = (global_ + shard.retrieved[:, rows].float()) / 2, shard.sims[:, rows].float()
        if companion_weight:
            local = modulate(local, companions, companion_weight)
        ids += shard.ids
        whole.append(total(global_[:, 0], local[:, 0], local_weight))
        if global_.shape[1] == 1:
            windows.append(whole[-1])
            continue
        fused = [image_scores(branch, sims, form, threshold, window_weight) for branch in (global_, local)]
        windows.append(total(*fused, local_weight))
    return ImageScores(ids, torch.cat(whole), torch.cat(windows))
