"""Where to look in a photo (METHOD §6): its size in, boxes of windows out; and cutting a box out of a photo.

Lengths are in units of 1/b of the image's side for a scale b: "1x2" is one unit high and two wide.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image

from lexiclip.errors import InputError

# Families of windows; each but the square comes with its transpose.
SHAPES = ("square", "1x2", "1x1.5", "2x3")


class Box(NamedTuple):
    """A window in pixels; a square one may reach past the right and bottom edges."""

    top: int
    left: int
    height: int
    width: int


def windows(width: int, height: int, scales: Sequence[int], shapes: Sequence[str]) -> list[Box]:
    """The windows of an image of that size, scale by scale, in the order of SHAPES.

    Their number depends on scales and shapes alone. InputError for a scale below 2 or an unknown shape.
    """
    _check(scales, shapes)
    boxes = []
    for b in scales:
        if "square" in shapes:
            boxes += _square(width, height, b)
        if "1x2" in shapes:
            boxes += _with_transpose(width, height, b, (2, 4), (2 * b, b))
        if "1x1.5" in shapes:
            boxes += _with_transpose(width, height, b, (2, 3), (2 * b, 4 * b // 3))
        if "2x3" in shapes and b >= 3:
            boxes += _with_transpose(width, height, b, (4, 6), (b, 2 * b // 3))
    return boxes


def crop(image: Image.Image, box: Box) -> Image.Image:
    """The pixels of a box; what lies past the right or bottom edge is the photo reflected."""
    right, bottom = box.left + box.width, box.top + box.height
    return reflected_to(image, right, bottom).crop((box.left, box.top, right, bottom))


def reflected_to(image: Image.Image, width: int, height: int) -> Image.Image:
    """The image continued to the right and down by reflection until it is at least that large.

    A reflection may be longer than the image (it then swings back and forth), down to an image of one pixel.
    """
    if width <= image.width and height <= image.height:
        return image
    rows, columns = reflected(image.height, height), reflected(image.width, width)
    return Image.fromarray(np.asarray(image)[np.ix_(rows, columns)])


def reflected(side: int, length: int) -> np.ndarray:
    """The indices 0, 1, ... of a side's pixels, continued by reflection to at least that length."""
    return np.pad(np.arange(side), (0, max(0, length - side)), mode="reflect")


def _square(width: int, height: int, b: int) -> list[Box]:
    tops, box_height = _starts(height, b, 2, 2 * b)
    lefts, box_width = _starts(width, b, 2, 2 * b)
    return [Box(top, left, box_height, box_width) for top in tops for left in lefts]


def _with_transpose(
    width: int, height: int, b: int, halves: tuple[int, int], grid: tuple[int, int]
) -> list[Box]:
    """A family of rectangles cut at the edges, then its transpose; `halves` are the sides in half units."""
    boxes = []
    for (tall, wide), (rows, columns) in ((halves, grid), (halves[::-1], grid[::-1])):
        tops, box_height = _starts(height, b, tall, rows)
        lefts, box_width = _starts(width, b, wide, columns)
        boxes += [
            Box(top, left, min(box_height, height - top), min(box_width, width - left))
            for top in tops
            for left in lefts
        ]
    return boxes


def _starts(side: int, b: int, halves: int, count: int) -> tuple[list[int], int]:
    """The first pixels of windows `halves` half units long along a side, and their length in pixels.

    A start that would lie past the edge is left out. Which ones do is decided on an image of unlimited size,
    and the others are held inside, so that an image of a few pixels has as many windows as a large one.
    """
    length = max(1, side * halves // (2 * b))
    stride = (b - 1) * length // (count - 1) + 1
    inside = -(-2 * b * (count - 1) // ((b - 1) * halves))  # smallest j with j · stride >= side
    return [min(j * stride, side - 1) for j in range(min(count, inside))], length


def _check(scales: Sequence[int], shapes: Sequence[str]) -> None:
    if any(b < 2 for b in scales) or len(set(scales)) < len(scales):
        raise InputError(f"window scales {list(scales)}: give distinct whole numbers from 2 up, as in [2, 3]")
    unknown = [shape for shape in shapes if shape not in SHAPES]
    if unknown or not shapes:
        raise InputError(f"window shapes {list(shapes)}: choose at least one of {', '.join(SHAPES)}")
