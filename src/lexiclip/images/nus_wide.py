"""NUS-WIDE's test lists in, image-level labels out."""

from pathlib import Path

import numpy as np

from lexiclip.errors import InputError
from lexiclip.files import reading


def read_nus_wide(root: Path, names: tuple[str, ...]) -> tuple[list[str], np.ndarray]:
    """Files and labels (N, K) int8 of ImageList/TestImagelist.txt, in its order, for concepts `names`.

    Labels lie in TrainTestLabels/Labels_NAME_Test.txt, a 0 or 1 a line, there or under Groundtruth/. NUS-WIDE
    marks nothing as difficult. InputError names a list that is missing or does not fit.
    """
    # The lists come from Windows: "actor\0001_2124494179.jpg".
    files = [file.replace("\\", "/") for file in _words(root / "ImageList/TestImagelist.txt")]
    folder = root / "TrainTestLabels"
    if not folder.is_dir():
        folder = root / "Groundtruth/TrainTestLabels"
    columns = []
    for name in names:
        path = folder / f"Labels_{name}_Test.txt"
        marks = _words(path)
        if len(marks) != len(files) or not set(marks) <= {"0", "1"}:
            raise InputError(
                f"{path}: expected a 0 or 1 for each of {len(files)} images, got {len(marks)} lines"
            )
        columns.append(np.array(marks, dtype=np.int8))
    return files, np.stack(columns, axis=1)  # (N, K)


def _words(path: Path) -> list[str]:
    with reading(path):
        return path.read_text(encoding="utf-8").split()
