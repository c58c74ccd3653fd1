"""Image files in, their views out, one image after the other: decoded once, by worker processes.

The workers cut the views too, unless a GPU does: it is sent whole images, a fiftieth of the bytes.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader
from tqdm import tqdm

from lexiclip.errors import InputError
from lexiclip.images.batched_views import batched_view_pixels, image_pixels
from lexiclip.images.preprocess import load_rgb, view_pixels
from lexiclip.images.windows import windows


def load_views(
    paths: Sequence[str | Path],
    scales: Sequence[int],
    shapes: Sequence[str],
    size: int,
    workers: int,
    gpu: torch.device | None,
) -> Iterator[tuple[Tensor | None, str]]:
    """The views uint8 (1+W, 3, size, size) of each image, or None and why it cannot be read."""
    cut = partial(_cut, scales=scales, shapes=shapes, size=size)
    load = partial(_load, prepare=image_pixels if gpu else cut)
    loader = DataLoader(paths, batch_size=None, num_workers=workers, collate_fn=load)
    for pixels, failure in tqdm(loader, total=len(paths), unit="image", disable=None):
        if gpu and pixels is not None:
            _, height, width = pixels.shape
            pixels = batched_view_pixels(pixels.to(gpu), windows(width, height, scales, shapes), size)
        yield pixels, failure


def _load(path: str | Path, prepare: Callable[[Image.Image], Tensor]) -> tuple[Tensor | None, str]:
    try:
        return prepare(load_rgb(path)), ""
    except InputError as error:
        return None, str(error)


def _cut(image: Image.Image, scales: Sequence[int], shapes: Sequence[str], size: int) -> Tensor:
    return view_pixels(image, windows(*image.size, scales, shapes), size)
