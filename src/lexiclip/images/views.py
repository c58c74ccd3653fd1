"""Image files in, views out (METHOD §6): the whole image and its windows as uint8, resized as CLIP does.

Each image is decoded once, by worker processes. They cut the views too, by PIL, unless a GPU does: it is sent
whole images, a fiftieth of the bytes, and resizes all windows of a size in one batch.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import lru_cache, partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor
from torch.utils.data import DataLoader
from tqdm import tqdm

from lexiclip.errors import InputError
from lexiclip.files import reading
from lexiclip.images.windows import Box, reflected, reflected_to, windows

# Pillow's own limit refuses panoramas. Windows of so many pixels take 7 GB to cut.
Image.MAX_IMAGE_PIXELS = None
MOST_PIXELS = 500_000_000

HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"mif1", b"msf1")
with suppress(ImportError):
    from pillow_heif import register_heif_opener

    register_heif_opener()


class Views(NamedTuple):
    """An image, the boxes of its 1+W views, the whole image first, and their pixels."""

    image: Image.Image
    boxes: list[Box]
    pixels: Tensor | None  # uint8 (1+W, 3, size, size)


def load_views(
    paths: Sequence[str | Path],
    scales: Sequence[int],
    shapes: Sequence[str],
    exif: bool,
    size: int,
    workers: int,
    gpu: torch.device | None,
) -> Iterator[Views | str]:
    """The views of each image in its turn, or why it cannot be read."""
    load = partial(_load, scales=scales, shapes=shapes, exif=exif, size=size, cut=not gpu)
    loader = DataLoader(paths, batch_size=None, num_workers=workers, collate_fn=load)
    no_bar = len(paths) < 2 or None  # None: on a terminal alone
    for views in tqdm(loader, total=len(paths), unit="image", disable=no_bar):
        if gpu and not isinstance(views, str):
            pixels = _sent(image_pixels(views.image), gpu)
            views = views._replace(pixels=batched_view_pixels(pixels, views.boxes[1:], size))
        yield views


def _load(
    path: str | Path, scales: Sequence[int], shapes: Sequence[str], exif: bool, size: int, cut: bool
) -> Views | str:
    try:
        image = load_rgb(path, exif)
    except InputError as error:
        return str(error)
    boxes = windows(*image.size, scales, shapes)
    pixels = view_pixels(image, boxes, size) if cut else None
    return Views(image, [Box(0, 0, image.height, image.width), *boxes], pixels)


def load_rgb(path: str | Path, exif: bool = True) -> Image.Image:
    """The image as 8-bit RGB. InputError names the file if it is missing, damaged or of no readable kind.

    As a viewer shows it: turned by its EXIF orientation (unless told not to), what is transparent laid on
    white, more than 8 bits (16, 32 or floats) scaled by the range that is in use.
    """
    with reading(path, "not a readable image"), _opened(path) as image:
        if image.width * image.height > MOST_PIXELS:
            size = f"{image.width} by {image.height} pixels, more than {MOST_PIXELS // 10**6} million"
            raise InputError(f"{path}: {size}: make it smaller")
        image.load()
        image = ImageOps.exif_transpose(image) if exif else image
        if image.mode[0] in "IF":  # PIL would clip these to white
            values = np.asarray(image)
            if image.mode == "F":
                values = np.where(np.isfinite(values), values, 0)
                values = (values * (255 if values.max() <= 1 else 1)).round()
            values = values.astype(np.int64).clip(0)
            spare = max(0, int(values.max()).bit_length() - 8)
            image = Image.fromarray((values >> spare).astype(np.uint8))
        if image.has_transparency_data:
            shown = image.convert("RGBA")
            image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), shown)
        return image.convert("RGB")


def _opened(path: str | Path) -> Image.Image:
    try:
        return Image.open(path)
    except UnidentifiedImageError:
        problem = "not a readable image: convert it to JPEG or PNG, or leave it out"
        with Path(path).open("rb") as file:
            start = file.read(12)
        if start[4:8] == b"ftyp" and start[8:] in HEIF_BRANDS:
            problem = "a HEIC photo: convert it to JPEG, or pip install pillow-heif"
        elif Path(path).name.startswith("."):
            problem = "a hidden file and no readable image, as macOS keeps them beside photos: leave it out"
        raise InputError(f"{path}: {problem}") from None


def image_pixels(image: Image.Image) -> Tensor:
    """An RGB image as uint8 (3, H, W)."""
    return torch.from_numpy(np.array(image)).permute(2, 0, 1)


def view_pixels(image: Image.Image, boxes: Sequence[Box], size: int) -> Tensor:
    """The whole RGB image first, then each window: uint8 (1+W, 3, size, size)."""
    right = max((box.left + box.width for box in boxes), default=0)
    bottom = max((box.top + box.height for box in boxes), default=0)
    canvas = reflected_to(image, right, bottom)
    views = np.empty((1 + len(boxes), size, size, 3), dtype=np.uint8)
    views[0] = _resize_and_centre(image, size)
    for view, (top, left, height, width) in zip(views[1:], boxes, strict=True):
        view[:] = _resize_and_centre(canvas.crop((left, top, left + width, top + height)), size)
    return torch.from_numpy(views).permute(0, 3, 1, 2)  # (1+W, 3, size, size), channels last in memory


def _resize_and_centre(image: Image.Image, size: int) -> Image.Image:
    """Bicubic resize of the short side to `size`, then the centre square, as open_clip does it."""
    (width, left), (height, top) = (_centred(side, min(image.size), size) for side in image.size)
    if max(width, height) <= 32 * size:
        resized = image.resize((width, height), Image.Resampling.BICUBIC)
        return resized.crop((left, top, left + size, top + size))
    # Resized whole, a strip of 20,000 by 1 pixels takes gigabytes; its centre alone may differ by rounding.
    x, y = image.width / width, image.height / height
    centre = (left * x, top * y, (left + size) * x, (top + size) * y)
    return image.resize((size, size), Image.Resampling.BICUBIC, box=centre)


def _centred(side: int, short: int, size: int) -> tuple[int, int]:
    """How long a side becomes when the short one is resized to `size`, and where the centre square begins."""
    resized = int(size * side / short)
    return resized, round((resized - size) / 2)


def batched_view_pixels(pixels: Tensor, boxes: Sequence[Box], size: int) -> Tensor:
    """`view_pixels` of an image uint8 (3, H, W), computed on its device: uint8 (1+W, 3, size, size).

    Equal to PIL's but for rounding, on photos within 0.01/255 on average: it weighs pixels with whole
    numbers, and resizes a tall image down before across. A resize is two products with banded matrices: only
    the centre is computed (PyTorch's antialiased resize fails on a GPU on images that shrink fifty-fold).
    """
    _, height, width = pixels.shape
    boxes = [Box(0, 0, height, width), *boxes]
    rows = reflected(height, max(box.top + box.height for box in boxes))
    columns = reflected(width, max(box.left + box.width for box in boxes))
    canvas = pixels[:, _sent(torch.from_numpy(rows), pixels.device)]
    canvas = canvas[:, :, _sent(torch.from_numpy(columns), pixels.device)]
    by_size, views = defaultdict(list), []
    for view, box in enumerate(boxes):
        by_size[box.height, box.width].append(view)
    for (height, width), of_size in by_size.items():
        down, across = (
            bicubic_weights(side, *_centred(side, min(height, width), size), size, canvas.device)
            for side in (height, width)
        )
        corners = [(boxes[view].top, boxes[view].left) for view in of_size]
        crops = torch.stack([canvas[:, top : top + height, left : left + width] for top, left in corners])
        narrowed = _whole_numbers(crops.float() @ across.T)  # PIL too rounds between
        views.append(_whole_numbers(down @ narrowed).byte())
    in_order = torch.from_numpy(np.argsort(np.concatenate(list(by_size.values()))))
    return torch.cat(views)[_sent(in_order, canvas.device)]


def _sent(values: Tensor, device: torch.device) -> Tensor:
    """On `device`; a GPU goes on computing meanwhile: from pageable memory, a copy would wait for its end."""
    if device.type == "cuda":
        values = values.pin_memory()
    return values.to(device, non_blocking=True)


# Most photos are as large as one before, and on a GPU launching these sums takes longer than they do.
@lru_cache(maxsize=512)
def bicubic_weights(side: int, resized: int, start: int, size: int, device: torch.device) -> Tensor:
    """(size, side): weights that give pixels `start` to `start + size` of a side resized to `resized` pixels.

    Bicubic with a = -1/2, stretched by the factor when an image shrinks (Pillow, src/libImaging/Resample.c).
    """
    step = side / resized
    centres = (torch.arange(start, start + size, device=device, dtype=torch.float64) + 0.5) * step
    pixels = torch.arange(side, device=device, dtype=torch.float64) + 0.5
    x = (pixels - centres[:, None]).abs() / max(step, 1)
    weights = torch.where(x < 1, (1.5 * x - 2.5) * x * x + 1, ((2.5 - 0.5 * x) * x - 4) * x + 2) * (x < 2)
    return (weights / weights.sum(1, keepdim=True)).float()


def _whole_numbers(pixels: Tensor) -> Tensor:
    return pixels.add_(0.5).floor_().clamp_(0, 255)  # halves up, as PIL; `round` takes them to even
