"""MS-COCO's instances JSON in (2014 and 2017 alike), image-level labels out."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from lexiclip.errors import InputError
from lexiclip.files import read_json, reading


class CocoLabels(NamedTuple):
    """N images in the order of COCO's numbers, their files, K class names and labels (N, K) int8."""

    numbers: list[int]
    files: list[str]
    names: tuple[str, ...]
    labels: np.ndarray


def read_coco_labels(instances: str | Path, names: tuple[str, ...] | None = None) -> CocoLabels:
    """Image-level labels of COCO's instances JSON, without its images; `names` default to its categories.

    A crowd annotation shows its class like any other, as in TaI-DPT's evaluation; an image without any is
    kept; categories outside `names` are ignored. InputError names a missing class or key, an image listed
    twice, or one that only an annotation names.
    """
    content = read_json(instances)
    with reading(instances, "expected images, annotations and categories", "not COCO's instances JSON"):
        images = sorted(content["images"], key=lambda image: image["id"])
        numbers, files = (
            [image["id"] for image in images],
            [image["file_name"].replace("\\", "/") for image in images],
        )
        categories = sorted(content["categories"], key=lambda category: category["id"])
        name_of = {category["id"]: category["name"] for category in categories}
        # Each pair once, in order; a key of a set or dict may be no list.
        shown = dict.fromkeys(
            (annotation["image_id"], name_of[annotation["category_id"]])
            for annotation in content["annotations"]
        )
        row_of = {number: row for row, number in enumerate(numbers)}
        stems, known = {Path(file).stem for file in files}, set(name_of.values())
    if len(row_of) < len(numbers) or len(stems) < len(files) or len(known) < len(categories):
        raise InputError(f"{instances}: an image id, a file name or a category stands twice")
    names = tuple(name_of.values()) if names is None else names
    if missing := [name for name in names if name not in known]:
        raise InputError(
            f"{instances}: no category {', '.join(missing)} (rename it, or list it in vocabulary.without)"
        )
    column_of = {name: k for k, name in enumerate(names)}
    labels = np.zeros((len(numbers), len(names)), dtype=np.int8)
    for number, name in shown:
        if number not in row_of:
            raise InputError(f"{instances}: an annotation names image {number}, which is not listed")
        if name in column_of:
            labels[row_of[number], column_of[name]] = 1
    return CocoLabels(numbers, files, names, labels)
