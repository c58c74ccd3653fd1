"""NUS-WIDE's test lists in, image-level labels out."""

from pathlib import Path

import numpy as np

from lexiclip.errors import InputError
from lexiclip.files import read_text
from lexiclip.images.labels import Labels, listed_file
from lexiclip.vocabulary import Vocabulary, bare, of_names


def read_nus_wide(root: Path, vocabulary: Vocabulary | None = None) -> Labels:
    """Labels of the files of ImageList/TestImagelist.txt, in order; without a vocabulary, of all concepts.

    They lie in TrainTestLabels/Labels_NAME_Test.txt, a 0 or 1 a line, there or under Groundtruth/. NUS-WIDE
    marks nothing as difficult. InputError names a list that is missing or does not fit.
    """
    files = [listed_file(file) for file in read_text(root / "ImageList/TestImagelist.txt").split()]
    folder = root / "TrainTestLabels"
    if not folder.is_dir():
        folder = root / "Groundtruth/TrainTestLabels"
    lists = {path.name[len("Labels_") : -len("_Test.txt")]: path for path in folder.glob("Labels_*_Test.txt")}
    vocabulary = vocabulary or of_names(sorted(lists))
    column_of = {concept: vocabulary.columns.get(bare(concept)) for concept in lists}
    if missing := [name for k, name in enumerate(vocabulary.names) if k not in column_of.values()]:
        raise InputError(
            f"{folder}: no Labels_{missing[0]}_Test.txt, nor one of another word for it (rename the class, "
            "or list it in vocabulary.without)"
        )
    labels = np.zeros((len(files), len(vocabulary.names)), dtype=np.int8)
    for concept, column in column_of.items():
        if column is not None:
            labels[:, column] |= _marks(lists[concept], len(files))
    return Labels(files, vocabulary.names, labels)


def _marks(path: Path, count: int) -> np.ndarray:
    marks = read_text(path).split()
    other = next((repr(mark) for mark in marks if mark not in ("0", "1")), f"{len(marks)} lines")
    if len(marks) != count or not set(marks) <= {"0", "1"}:
        raise InputError(f"{path}: expected a 0 or 1 for each of {count} images, got {other}")
    return np.array(marks, dtype=np.int8)
