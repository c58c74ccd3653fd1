"""Images of the test set by a fixed rule, with what was predicted, what is shown, and where it was found."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from lexiclip.evaluation.metrics import top_decisions
from lexiclip.heatmap import small
from lexiclip.images.views import load_rgb
from lexiclip.report.pictures import photo_uri

IMAGES = 12
WITH_HEAT = 3  # every third of them
PREDICTED = 3  # labels of an image, as in CF1 and OF1 at top 3


class Label(NamedTuple):
    """A class, its rank among the scores of the image, and hit, false, missed, unjudged or no mark."""

    name: str
    rank: int
    mark: str


class Shown(NamedTuple):
    """An image of the gallery: predicted labels, best first, and true ones that are not among them."""

    name: str
    picture: str
    size: tuple[int, int]
    predicted: list[Label]
    missed: list[Label]


def evenly_spaced(count: int, wanted: int = IMAGES) -> list[int]:
    """At most `wanted` of `count` places at equal distances, the first among them."""
    wanted = min(count, wanted)
    return [i * count // wanted for i in range(wanted)]


def judged(
    names: Sequence[str], scores: np.ndarray, labels: np.ndarray | None
) -> tuple[list[Label], list[Label]]:
    """Predicted and missed labels of one image from scores (K,) and labels (K,) of 1, 0 and -1, or None."""
    marks = {1: "hit", 0: "false", -1: "unjudged"}
    order = np.argsort(-scores, kind="stable")  # as evaluation.top_decisions
    ranked = [(names[k], rank, None if labels is None else int(labels[k])) for rank, k in enumerate(order, 1)]
    predicted = [Label(name, rank, marks.get(label, "")) for name, rank, label in ranked[:PREDICTED]]
    return predicted, [Label(name, rank, "missed") for name, rank, label in ranked[PREDICTED:] if label == 1]


def gallery_image(
    path: Path, exif: bool, names: Sequence[str], scores: np.ndarray, labels: np.ndarray | None
) -> Shown:
    """One image of the gallery, turned by its EXIF if `exif`. InputError if it cannot be read."""
    image = small(load_rgb(path, exif))
    return Shown(path.name, photo_uri(image), image.size, *judged(names, scores, labels))


def hits(scores: np.ndarray, labels: np.ndarray) -> tuple[int, int]:
    """Hits and predictions of all images (N, K), unjudged ones left out."""
    decided = top_decisions(scores, PREDICTED)
    return int((decided & (labels == 1)).sum()), int((decided & (labels >= 0)).sum())
