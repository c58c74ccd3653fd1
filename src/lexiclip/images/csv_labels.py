"""A table of photos and their labels in, image-level labels out."""

import re
from pathlib import Path

from lexiclip.errors import InputError, did_you_mean
from lexiclip.files import read_table
from lexiclip.images.labels import Labels, label_rows, listed_file
from lexiclip.vocabulary import Vocabulary, bare, of_names


def read_csv(path: Path, vocabulary: Vocabulary | None = None) -> Labels:
    """Labels of a table of `image` (a file) and `labels` (class names or other words for them, "; " between).

    A list as Python prints it is read, too ("['dog', 'cat']"). Rows of one image are united. A table of
    `image` alone has no labels: its photos are scored, not evaluated. Without a vocabulary, its own labels in
    alphabetical order are the classes. InputError names the row of an unknown class, or a column that is none
    of the two.
    """
    columns, rows = read_table(path, "image")
    if "labels" not in columns and columns != ["image"]:
        listed = ", ".join(column + did_you_mean(column, ["labels"]) for column in columns)
        raise InputError(f"{path}, line 1: expected image,labels or image alone, got {listed}")
    shown: dict[str, dict[str, int]] = {}  # by file, the line of each label
    for line, row in rows:
        if not row["image"].strip():
            raise InputError(f"{path}, line {line}: `image` is empty")
        lines = shown.setdefault(listed_file(row["image"]), {})
        lines |= dict.fromkeys(listed_labels(row.get("labels", "")), line)
    if not shown:
        raise InputError(f"{path}: no photo in it: expected a line `image,labels`, then a line a photo")
    vocabulary = vocabulary or of_names(sorted({label for lines in shown.values() for label in lines}))
    for image, lines in shown.items():
        for label, line in lines.items():
            if bare(label) not in vocabulary.columns:
                hint = did_you_mean(label, vocabulary.names)
                raise InputError(f"{path}, line {line}, {image}: unknown class {label!r}{hint}")
    found = [[vocabulary.columns[bare(label)] for label in lines] for lines in shown.values()]
    labels = label_rows(found, len(vocabulary.names)) if "labels" in columns else None
    return Labels(list(shown), vocabulary.names, labels)


def listed_labels(cell: str) -> list[str]:
    """The labels of a cell."""
    labels = (label.strip("[]'\" \t") for label in re.split(r"[;,|\n]", cell))
    return [label for label in labels if label]
