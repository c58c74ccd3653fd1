"""Images and their labels: what the pass scores and the evaluation compares with.

The file or folder of labels tells its kind:
    .json  MS-COCO's instances                    folder of .xml          VOC's annotations, all of them
    .txt   VOC's image set (ImageSets/Main/...)   folder with ImageList/  NUS-WIDE's test lists
    .csv   your own photos (`read_csv`), labelled or not
"""

import os
import re
from pathlib import Path
from typing import NamedTuple

import numpy as np

from lexiclip.errors import InputError, did_you_mean
from lexiclip.files import read_table
from lexiclip.images.coco import read_coco_labels
from lexiclip.images.nus_wide import read_nus_wide
from lexiclip.images.voc import read_voc
from lexiclip.vocabulary import bare


class Dataset(NamedTuple):
    """N images in the order of their ids; labels (N, K) int8: 1 shown, 0 not; None where there are none."""

    ids: list[str]
    paths: list[Path]
    labels: np.ndarray | None


def load_dataset(
    labels: str | Path, folder: str | Path, names: tuple[str, ...], limit: int | None
) -> Dataset:
    """The first `limit` images that `labels` lists, with their files in `folder`; the stem is the id.

    InputError for labels of no known kind, broken labels, an image that is not in `folder` or stands twice.
    """
    labels, folder = Path(labels), Path(folder)
    if labels.suffix == ".json":
        coco = read_coco_labels(labels, names)
        files, shown = coco.files, coco.labels
    elif labels.suffix == ".csv":
        files, shown = read_csv(labels, names)
    elif (labels / "ImageList").is_dir():
        files, shown = read_nus_wide(labels, names)
    elif labels.suffix == ".txt" or any(labels.glob("*.xml")):
        files, shown = read_voc(labels, names)
    else:
        raise InputError(
            f"{labels}: no labels: expected COCO's .json, a .csv, VOC's .xml folder or ImageSets .txt, or a "
            "folder of NUS-WIDE (images.labels; photos without labels: a .csv with the one column `image`)"
        )
    paths = [folder / file for file in files[:limit]]
    # Path.is_file fails on a name that is too long.
    if absent := [path for path in paths if not os.path.isfile(path)]:  # noqa: PTH113
        raise InputError(f"{labels}: {len(absent)} images are not in {folder}, the first is {absent[0].name}")
    ids = [path.stem for path in paths]
    if len(set(ids)) < len(ids):
        twice = next(image_id for image_id in ids if ids.count(image_id) > 1)
        raise InputError(f"{labels}: two images are called {twice}: names without their endings must differ")
    return Dataset(ids, paths, None if shown is None else shown[:limit])


def read_csv(path: Path, names: tuple[str, ...]) -> tuple[list[str], np.ndarray | None]:
    """Files and labels (N, K) of a table of `image` (a file) and `labels` (class names, "; " between).

    Rows of one image are united. A table of `image` alone has no labels: its photos are scored, not
    evaluated. InputError names the row of an unknown class, or a column that is none of the two.
    """
    columns, rows = read_table(path, "image")
    if "labels" not in columns and columns != ["image"]:
        listed = ", ".join(column + did_you_mean(column, ["labels"]) for column in columns)
        raise InputError(f"{path}, line 1: expected image,labels or image alone, got {listed}")
    column_of = {bare(name): k for k, name in enumerate(names)}
    shown: dict[str, set[int]] = {}
    for line, row in rows:
        image = row["image"].strip().replace("\\", "/")
        if not image:
            raise InputError(f"{path}, line {line}: `image` is empty")
        classes = shown.setdefault(image, set())
        for name in filter(None, map(str.strip, re.split("[;,]", row.get("labels", "")))):
            if bare(name) not in column_of:
                hint = did_you_mean(name, names)
                raise InputError(f"{path}, line {line}, {image}: unknown class {name!r}{hint}")
            classes.add(column_of[bare(name)])
    if not shown:
        raise InputError(f"{path}: no photo in it: expected a line `image,labels`, then a line a photo")
    labels = np.zeros((len(shown), len(names)), dtype=np.int8)
    for number, classes in enumerate(shown.values()):
        labels[number, list(classes)] = 1
    return list(shown), labels if "labels" in columns else None
