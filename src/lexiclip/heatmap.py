"""Photos and their predicted labels in, one PNG out that shows where each of the top labels was found.

Heat is the local branch's score of every cell of every view, the whole image and the windows alike, averaged
where views overlap; the frame is the window that scores highest.
"""

import textwrap
import warnings
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryFile
from typing import NamedTuple

import matplotlib
import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

from lexiclip.clip.image_tower import encode_views
from lexiclip.clip.loading import preprocess_size
from lexiclip.errors import InputError
from lexiclip.files import atomic_path
from lexiclip.images.views import load_rgb, view_pixels
from lexiclip.images.windows import Box, windows
from lexiclip.predict import Prediction, Study, votes_of
from lexiclip.prompts.logits import score, winner_take_all
from lexiclip.scoring.ensemble import mean_standardised
from lexiclip.scoring.fusion import total

matplotlib.use("Agg")
from matplotlib import pyplot as plt

TOP = 4
MOST_PHOTOS = 20
LONG_SIDE = 320  # pixels of a photo as drawn


class Found(NamedTuple):
    """Standardised scores of V views, the whole image first, and their g² cells by K classes."""

    cells: np.ndarray  # (V, g², K)
    views: np.ndarray  # (V, K)


def check_heatmap(path: str | Path, photos: int) -> None:
    """InputError if no PNG of that many photos can be written to `path`: known before hours of scoring."""
    path = Path(path)
    if path.suffix.lower() != ".png":
        raise InputError(f"{path}: a heat map is a .png")
    if photos > MOST_PHOTOS:
        raise InputError(f"{path}: {photos} photos in one heat map: give at most {MOST_PHOTOS}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror})") from None


def draw_heatmap(study: Study, predictions: Sequence[Prediction], path: str | Path) -> None:
    """Write the PNG: a row a photo, the photo first, then each of its top labels with heat and frame."""
    columns = 1 + min(TOP, study.shown)
    figure, axes = plt.subplots(
        len(predictions),
        columns,
        figsize=(2.7 * columns, 2.7 * len(predictions)),
        squeeze=False,
        layout="constrained",
    )
    for row, photo in zip(axes, predictions, strict=True):
        _draw_row(row, study, photo)
    with warnings.catch_warnings(), atomic_path(path) as temporary:
        warnings.filterwarnings("ignore", message="Glyph .* missing")  # a label in a script the font lacks
        figure.savefig(temporary, dpi=100, metadata={"Software": None})
    plt.close(figure)


def _draw_row(row: Sequence, study: Study, photo: Prediction) -> None:
    image = load_rgb(photo.image)
    params = study.params.windows
    boxes = windows(*image.size, params.scales, params.shapes)
    found = find(study, image, boxes)
    top = [study.names.index(label) for label in photo.labels[: len(row) - 1]]
    heat = heat_of_cells(found.cells[:, :, top], [Box(0, 0, image.height, image.width), *boxes], image.size)
    small = image.resize(heat.shape[:0:-1])  # (height, width) -> PIL's (width, height)
    for axis in row:
        axis.imshow(small)
        axis.set_axis_off()
    row[0].set_title(Path(photo.image).name, fontsize=9, parse_math=False)
    for axis, k, label, shown, points in zip(row[1:], top, photo.labels, heat, photo.scores, strict=False):
        axis.imshow(
            shown,
            cmap="inferno",
            alpha=0.65,
            vmin=0,
            vmax=max(1.0, float(heat.max())),
            interpolation="bilinear",
        )
        best = boxes[int(found.views[1:, k].argmax())]
        zoom = heat.shape[2] / image.width
        width = min(best.width, image.width - best.left) * zoom
        height = min(best.height, image.height - best.top) * zoom
        corner = (best.left * zoom - 0.5, best.top * zoom - 0.5)
        axis.add_patch(plt.Rectangle(corner, width, height, fill=False, color="white", linewidth=1.5))
        title = f"{textwrap.shorten(label, 40, placeholder='…')}  {points:.2f}"
        axis.set_title(title, fontsize=9, parse_math=False)


@torch.inference_mode()
def find(study: Study, image: Image.Image, boxes: Sequence[Box]) -> Found:
    """How well each cell and each view of a photo shows each class, the mean of the study's variants."""
    like = next(study.clip.parameters())
    views = view_pixels(image, boxes, preprocess_size(study.clip))
    features = [encode_views(study.clip, batch, bf16=False) for batch in views.split(64)]
    global_, local = (torch.cat(parts) for parts in zip(*features, strict=True))  # (V, D), (V, g², D)
    cells, of_views = [], []
    for variant, vectors in study.vectors.items():
        vectors = vectors.to(like)
        similarity = local @ vectors.local.T  # (V, g², K)
        similarity = similarity if vectors.evidence is None else winner_take_all(similarity)
        cells.append(similarity.cpu().numpy())
        weight = study.params.variants.get(variant, study.params.baselines).local_weight
        of_views.append(total(*(part.cpu().numpy() for part in score(global_, local, vectors)), weight))
    return Found(*(mean_standardised(np.stack(parts), votes_of(study)) for parts in (cells, of_views)))


def heat_of_cells(cells: np.ndarray, boxes: Sequence[Box], size: tuple[int, int]) -> np.ndarray:
    """Heat (k, h, w) of a photo of `size` (width, height) from scores (V, g², k) of the views cut at `boxes`.

    A view shows the centre square of its box. Where no view looks, heat is the smallest.
    """
    zoom = min(1.0, LONG_SIDE / max(size))
    width, height = (max(1, round(side * zoom)) for side in size)
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
