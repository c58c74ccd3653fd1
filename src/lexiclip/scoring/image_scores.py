"""From stored window scores to one score a class for each image, with and without windows (METHOD §6)."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from lexiclip.scoring.cooccurrence import modulate
from lexiclip.scoring.fusion import image_scores, total
from lexiclip.scoring.window_pass import read_shards


class ImageScores(NamedTuple):
    """Scores of N images: `whole` (N, K) of the whole image alone, `windows` (N, K) with windows fused."""

    ids: list[str]
    whole: Tensor
    windows: Tensor


def fuse_variant(
    folder: str | Path,
    variant: str,
    *,
    form: str,
    local_weight: float,
    window_weight: float,
    threshold: float,
    retrieval: bool,
    companions: np.ndarray | None,
    companion_weight: float,
) -> ImageScores:
    """Fuse the stored scores of one variant. `companions` (K, K): the row-normalised co-occurrence, or None.

    Retrieval, where the pass stored it, moves the global branch halfway to the nearest captions.
    """
    ids, whole, windows = [], [], []
    for shard in read_shards(folder, variant):
        global_, local, sims = shard.global_.float(), shard.local.float(), None
        if retrieval and shard.retrieved is not None:
            global_, sims = (global_ + shard.retrieved.float()) / 2, shard.sims.float()
        if companions is not None:
            local = modulate(local, companions, companion_weight)
        ids += shard.ids
        whole.append(total(global_[:, 0], local[:, 0], local_weight))
        fused = [image_scores(branch, sims, form, threshold, window_weight) for branch in (global_, local)]
        windows.append(total(*fused, local_weight))
    return ImageScores(ids, torch.cat(whole), torch.cat(windows))
