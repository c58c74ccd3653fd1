"""Encoded photos in, pictures out that show where each label was found; `draw_heatmap` puts them on one PNG.

Heat is the local branch's score of every cell of every view, the whole image and the windows alike, averaged
where views overlap; the frame is the window that scores highest.
"""

import textwrap
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import matplotlib
import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageDraw
from scipy.ndimage import gaussian_filter

from lexiclip.clip.image_tower import ImageFeatures
from lexiclip.files import atomic_path
from lexiclip.images.windows import Box
from lexiclip.predict import Photo, Prediction, Predictor
from lexiclip.prompts.logits import score, winner_take_all
from lexiclip.scoring.fusion import total

TOP = 4
LONG_SIDE = 320  # pixels of a photo as drawn


class Found(NamedTuple):
    """Standardised scores of V views, the whole image first, and their g² cells by K classes."""

    cells: np.ndarray  # (V, g², K)
    views: np.ndarray  # (V, K)


def heatmap_row(predictor: Predictor, photo: Photo, prediction: Prediction) -> list[tuple[str, Image.Image]]:
    """Titles and pictures: the photo, then each of its TOP labels with heat and frame."""
    labels = prediction.labels[:TOP]
    titles = [
        f"{textwrap.shorten(label, 40, placeholder='…')}  {likely:.2f}"
        for label, likely in zip(labels, prediction.probabilities, strict=False)
    ]
    pictures = [small(photo.image), *where_found(predictor, photo, labels)]
    return list(zip([Path(prediction.image).name, *titles], pictures, strict=True))


def draw_heatmap(rows: Sequence[Sequence[tuple[str, Image.Image]]], path: str | Path) -> None:
    """Write the PNG of the rows of `heatmap_row`."""
    from matplotlib.figure import Figure  # here: reports draw no figure, and its import is slow

    figure = Figure(figsize=(2.7 * len(rows[0]), 2.7 * len(rows)), layout="constrained")
    axes = figure.subplots(len(rows), len(rows[0]), squeeze=False)
    for axis, (title, picture) in zip(axes.flat, (drawn for row in rows for drawn in row), strict=True):
        axis.imshow(picture)
        axis.set_axis_off()
        axis.set_title(title, fontsize=9, parse_math=False)
    with warnings.catch_warnings(), atomic_path(path) as temporary:
        warnings.filterwarnings("ignore", message="Glyph .* missing")  # a label in a script the font lacks
        figure.savefig(temporary, dpi=100, metadata={"Software": None})


def where_found(predictor: Predictor, photo: Photo, labels: Sequence[str]) -> list[Image.Image]:
    """The photo with heat and frame, for each label."""
    found = find(predictor, photo.features)
    classes = [predictor.names.index(label) for label in labels]
    heat = heat_of_cells(found.cells[:, :, classes], photo.boxes, photo.image.size)  # (k, h, w)
    highest = max(1.0, float(heat.max()))
    return [
        with_heat(photo.image, of_class, highest, frame)
        for of_class, frame in zip(heat, best_windows(found, classes, photo.boxes), strict=True)
    ]


def best_windows(found: Found, classes: Sequence[int], boxes: Sequence[Box]) -> list[Box]:
    """The window that scores highest for each class."""
    return [boxes[1 + view] for view in found.views[1:, classes].argmax(0)]


@torch.inference_mode()
def find(predictor: Predictor, features: ImageFeatures) -> Found:
    """How well each cell and each view of a photo shows each class, the mean of all variants."""
    cells, views = [], []
    for variant, vectors in predictor.vectors.items():
        similarity = features.local @ vectors.local.T  # (V, g², K)
        similarity = similarity if vectors.evidence is None else winner_take_all(similarity)
        cells.append(similarity.cpu().numpy())
        global_, local = (part.cpu().numpy() for part in score(*features, vectors))
        views.append(total(global_, local, predictor.fusing[variant]["local_weight"]))
    return Found(predictor.ensemble(cells), predictor.ensemble(views))


def heat_of_cells(cells: np.ndarray, boxes: Sequence[Box], size: tuple[int, int]) -> np.ndarray:
    """Heat (k, h, w) of a photo of `size` (width, height) from scores (V, g², k) of the views cut at `boxes`.

    A view shows the centre square of its box. Where no view looks, heat is the smallest.
    """
    zoom = min(1.0, LONG_SIDE / max(size))
    width, height = _small_size(size)
    side = round(cells.shape[1] ** 0.5)
    heat, seen = np.zeros((cells.shape[2], height, width)), np.zeros((height, width))
    grids = torch.from_numpy(cells).mT.unflatten(2, (side, side))  # (V, k, g, g)
    for scores, box in zip(grids, boxes, strict=True):
        short = min(box.height, box.width)
        top, left = (round(edge * zoom) for edge in (box.top + (box.height - short) / 2,
                                                     box.left + (box.width - short) / 2))  # fmt: skip
        pixels = max(1, round(short * zoom))
        rows, columns = min(pixels, height - top), min(pixels, width - left)  # the rest is a reflection
        if rows <= 0 or columns <= 0:
            continue
        view = F.interpolate(scores[None], (pixels, pixels), mode="bilinear", align_corners=False)[0]
        heat[:, top : top + rows, left : left + columns] += view[:, :rows, :columns].numpy()
        seen[top : top + rows, left : left + columns] += 1
    heat /= np.maximum(seen, 1)
    return np.where(seen > 0, heat, heat[:, seen > 0].min(1)[:, None, None])


def with_heat(image: Image.Image, heat: np.ndarray, highest: float, frame: Box) -> Image.Image:
    """The photo under `heat` (h, w), whose size it takes; brightest where heat reaches `highest`.

    The white `frame` is in pixels of the photo as given and is cut at its edges.
    """
    heat = gaussian_filter(heat, 4)  # hides the windows' edges, which mean nothing
    shown = np.asarray(image.resize(heat.shape[::-1]), dtype=np.float64)
    level = np.clip(heat / highest, 0, 1)[..., None]
    colour = 255 * matplotlib.colormaps["inferno"](level[..., 0])[..., :3]
    mixed = Image.fromarray(np.round(shown + (colour - shown) * (0.5 + 0.25 * level)).astype(np.uint8))
    zoom = heat.shape[1] / image.width
    left, top = min(round(frame.left * zoom), mixed.width - 1), min(round(frame.top * zoom), mixed.height - 1)
    right = round(min(frame.left + frame.width, image.width) * zoom - 1)
    bottom = round(min(frame.top + frame.height, image.height) * zoom - 1)
    corners = (left, top, max(left, right), max(top, bottom))  # of a narrow photo, at least a pixel
    ImageDraw.Draw(mixed).rectangle(corners, outline="white", width=2)
    return mixed


def small(image: Image.Image) -> Image.Image:
    """The image with its long side at most LONG_SIDE."""
    return image.resize(_small_size(image.size))


def _small_size(size: tuple[int, int]) -> tuple[int, int]:
    zoom = min(1.0, LONG_SIDE / max(size))
    return max(1, round(size[0] * zoom)), max(1, round(size[1] * zoom))
