"""Predicted photos in, the page `lexiclip predict --report` out: labels, and a frame where each was found."""

from collections.abc import Sequence
from typing import NamedTuple

from lexiclip.heatmap import best_windows, find, small
from lexiclip.images.windows import Box
from lexiclip.predict import Photo, Predictor
from lexiclip.report.pictures import photo_uri


class FoundLabel(NamedTuple):
    """A label, its probability, and the frame of the window that shows it best, in style rules."""

    name: str
    probability: float
    frame: str


class Card(NamedTuple):
    """A photo of the page, at a size that keeps it small."""

    name: str
    picture: str
    size: tuple[int, int]
    labels: list[FoundLabel]


def card(predictor: Predictor, photo: Photo, name: str, labels: Sequence[tuple[str, float]]) -> Card:
    """A photo of the page, with `labels` and their probabilities."""
    picture = small(photo.image)
    classes = [predictor.names.index(label) for label, _ in labels]
    frames = best_windows(find(predictor, photo.features), classes, photo.boxes)
    found = [
        FoundLabel(*label, frame_style(frame, photo.image.size))
        for label, frame in zip(labels, frames, strict=True)
    ]
    return Card(name, photo_uri(picture), picture.size, found)


def frame_style(frame: Box, size: tuple[int, int]) -> str:
    """Style that lays a frame, cut at the edges, over a photo of `size` (width, height) drawn at any size.

    A margin in per cent is of the width, also at the top.
    """
    width, height = min(frame.width, size[0] - frame.left), min(frame.height, size[1] - frame.top)
    left, top, wide = (f"{100 * length / size[0]:.2f}%" for length in (frame.left, frame.top, width))
    return f"margin:{top} 0 0 {left};width:{wide};aspect-ratio:{width}/{height}"
