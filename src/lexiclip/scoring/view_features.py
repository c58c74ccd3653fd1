"""Images in, features of their views out: to predict labels, or to learn from windows that are not scored."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from PIL import Image
from torch import Tensor, nn

from lexiclip.clip.image_tower import ImageFeatures, encode_views
from lexiclip.clip.loading import preprocess_size
from lexiclip.errors import InputError
from lexiclip.images.views import load_views
from lexiclip.images.windows import Box
from lexiclip.scoring.window_pass import Windows, tower_pays_in_bf16


class Photo(NamedTuple):
    """A photo, the boxes of its 1+W views, the whole image first, and their features."""

    path: str | Path
    image: Image.Image
    boxes: list[Box]
    features: ImageFeatures


def encoded_photos(
    clip: nn.Module, paths: Sequence[str | Path], windows: Windows, workers: int
) -> Iterator[Photo | str]:
    """Each photo, decoded once and its views encoded once, or why it cannot be read.

    Only a few are in memory at a time.
    """
    device = next(clip.parameters()).device
    gpu = None if device.type == "cpu" else device
    loaded = load_views(paths, *windows, preprocess_size(clip), workers, gpu)
    bf16 = tower_pays_in_bf16(clip, len(paths))
    for path, views in zip(paths, loaded, strict=True):
        if isinstance(views, str):
            yield views
        else:
            yield Photo(path, views.image, views.boxes, encode_views(clip, views.pixels, bf16))


def view_features(
    clip: nn.Module, paths: Sequence[Path], exif: bool, workers: int, skip_unreadable: bool
) -> tuple[list[int], Tensor]:
    """The rows of the images that could be read, and features (N, 17, D) of each and its windows of scale 2.

    These are float16 and on the CPU. Unless `skip_unreadable`, an image that cannot be read is an InputError.
    """
    rows, found = [], []
    for row, photo in enumerate(encoded_photos(clip, paths, Windows([2], ["square"], exif), workers)):
        if not isinstance(photo, str):
            rows.append(row)
            found.append(photo.features.global_.half().cpu())
        elif not skip_unreadable:
            raise InputError(f"{photo}: take it out")
    if not found:
        raise InputError(f"none of {len(paths)} images can be read")
    return rows, torch.stack(found)
