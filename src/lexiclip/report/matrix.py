"""How often classes are named together, as a picture of one ink and as the pairs most often named."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image

from lexiclip.report.pictures import data_uri

MOST_CLASSES = 100
PAIRS, FEWEST = 14, 20  # of the strongest; captions of a class in them, at least
SIDE = 920  # pixels of the picture as drawn, where its cells need be neither tiny nor huge
LETTER = 5.8  # pixels of a letter of a class name


class Matrix(NamedTuple):
    """Classes `names` and their picture, a pixel per cell: row given, column named too; white is full ink."""

    names: list[str]
    picture: str
    cell: int
    margin: int


def cooccurrence_picture(matrix: np.ndarray, names: Sequence[str], captions: dict[str, int]) -> Matrix:
    """The (K, K) matrix P(column | row) as ink; of very many classes those with most captions."""
    most = sorted(range(len(names)), key=lambda k: -captions.get(names[k], 0))[:MOST_CLASSES]
    kept = sorted(most)
    shown = matrix[np.ix_(kept, kept)]
    ink = np.sqrt(shown / max(float(shown.max()), 1e-9))  # the root lifts the many small values
    short = [names[k] if len(names[k]) <= 24 else names[k][:23] + "…" for k in kept]
    picture = data_uri(Image.fromarray(np.round(255 * ink).astype(np.uint8)), "PNG", compress_level=0)
    cell = min(max(SIDE // len(kept), 10), 24)
    return Matrix(short, picture, cell, round(12 + LETTER * max(map(len, short))))


def strongest_pairs(
    matrix: np.ndarray, names: Sequence[str], captions: dict[str, int]
) -> list[tuple[str, str, float, int]]:
    """The highest (class, class named with it, P, captions of the first), of classes with FEWEST or more."""
    often = np.array([captions.get(name, 0) >= FEWEST for name in names])
    counted = np.where(often[:, None], matrix, 0)
    order = np.argsort(-counted, axis=None, kind="stable")[:PAIRS]
    pairs = [divmod(int(cell), len(names)) for cell in order]
    return [
        (names[i], names[j], float(matrix[i, j]), captions[names[i]]) for i, j in pairs if counted[i, j] > 0
    ]
