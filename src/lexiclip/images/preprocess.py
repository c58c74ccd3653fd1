"""An image file in, CLIP's input out: the whole image and its windows, resized and cropped (METHOD §6)."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from lexiclip.errors import InputError
from lexiclip.images.windows import Box, reflected_to


def load_rgb(path: str | Path) -> Image.Image:
    """The image as 8-bit RGB. InputError names the file if it is missing, damaged or of no readable kind.

    Greyscale, palette, CMYK and 16-bit files are converted and transparency is dropped. The EXIF orientation
    is ignored, as in the reference.
    """
    try:
        with Image.open(path) as image:
            image.load()
            if image.mode.startswith("I"):  # PIL would clip 16 bits to white instead of scaling them
                image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
            return image.convert("RGB")
    except Exception as error:  # PIL's readers raise anything, from OSError to SyntaxError
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"{path}: not a readable image ({reason})") from None


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


def centred(side: int, short: int, size: int) -> tuple[int, int]:
    """How long a side becomes when the short one is resized to `size`, and where the centre square begins."""
    resized = int(size * side / short)
    return resized, round((resized - size) / 2)


def _resize_and_centre(image: Image.Image, size: int) -> Image.Image:
    """Bicubic resize of the short side to `size`, then the centre square, as open_clip does it."""
    (width, left), (height, top) = (centred(side, min(image.size), size) for side in image.size)
    if max(width, height) <= 32 * size:
        resized = image.resize((width, height), Image.Resampling.BICUBIC)
        return resized.crop((left, top, left + size, top + size))
    # Resized whole, a strip of 20,000 by 1 pixels takes gigabytes; its centre alone may differ by rounding.
    x, y = image.width / width, image.height / height
    centre = (left * x, top * y, (left + size) * x, (top + size) * y)
    return image.resize((size, size), Image.Resampling.BICUBIC, box=centre)
