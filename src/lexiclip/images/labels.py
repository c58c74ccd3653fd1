"""Image-level labels, whatever file they come from: what the readers of this folder return."""

from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath
from typing import NamedTuple

import numpy as np


class Labels(NamedTuple):
    """N files as listed, K class names, labels (N, K) int8: 1 shown, 0 not; None where there are none.

    COCO's file also has the id of each image, and the column of each category id (None: outside the names).
    """

    files: list[str]
    names: tuple[str, ...]
    labels: np.ndarray | None
    image_ids: Sequence[str] = ()
    category_columns: dict[str, int | None] | None = None


def listed_file(text: str) -> str:
    """A file as any list may name it, Windows' `\\` and `./` included: "cam1/0001.png"."""
    return str(PurePosixPath(text.strip().replace("\\", "/")))


def label_rows(columns: Sequence[Iterable[int | None]], count: int) -> np.ndarray:
    """Labels (N, K) int8 from the columns that each image shows; None is passed over."""
    labels = np.zeros((len(columns), count), dtype=np.int8)
    for row, shown in enumerate(columns):
        labels[row, [column for column in shown if column is not None]] = 1
    return labels
