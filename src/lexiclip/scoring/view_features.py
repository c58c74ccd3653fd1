"""Images in, features of the whole image and its windows of scale 2 out: what is learned from, not scored."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from lexiclip.clip.image_tower import encode_views
from lexiclip.clip.loading import preprocess_size
from lexiclip.errors import InputError
from lexiclip.images.views import load_views
from lexiclip.scoring.window_pass import tower_pays_in_bf16


def view_features(
    clip: nn.Module, paths: Sequence[Path], exif: bool, workers: int, skip_unreadable: bool = False
) -> tuple[list[int], Tensor]:
    """The rows of the images that could be read, and their features (N, 17, D), float16 and on the CPU.

    Without `skip_unreadable` these are all, or it is an InputError.
    """
    bf16, rows, found = tower_pays_in_bf16(clip, len(paths)), [], []
    device = next(clip.parameters()).device
    gpu = None if device.type == "cpu" else device
    for row, views in enumerate(
        load_views(paths, [2], ["square"], exif, preprocess_size(clip), workers, gpu)
    ):
        if not isinstance(views, str):
            rows.append(row)
            found.append(encode_views(clip, views.pixels, bf16).global_.half().cpu())
        elif not skip_unreadable:
            raise InputError(f"{views}: take it out")
    if not found:
        raise InputError(f"none of {len(paths)} images can be read")
    return rows, torch.stack(found)
