"""Images and their labels: what the pass scores and the evaluation compares with.

The file or folder of labels tells its kind:
    .json  MS-COCO's instances                    folder of .xml          VOC's annotations, all of them
    .txt   VOC's image set (ImageSets/Main/...)   folder with ImageList/  NUS-WIDE's test lists
    .csv   your own photos (`read_csv`), labelled or not
"""

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np

from lexiclip.errors import InputError
from lexiclip.images.coco import read_coco
from lexiclip.images.csv_labels import read_csv
from lexiclip.images.labels import Labels
from lexiclip.images.nus_wide import read_nus_wide
from lexiclip.images.voc import read_voc
from lexiclip.vocabulary import Vocabulary

KINDS = (
    "COCO's .json, VOC's folder of .xml or ImageSets .txt, a folder of NUS-WIDE, or a .csv with the columns "
    "image and labels (image alone: photos without labels)"
)


class Dataset(NamedTuple):
    """N images in the order of their ids; labels (N, K) int8: 1 shown, 0 not; None where there are none."""

    ids: list[str]
    paths: list[Path]
    labels: np.ndarray | None


def load_dataset(
    labels: str | Path, folder: str | Path, vocabulary: Vocabulary, limit: int | None, block: str = "images"
) -> Dataset:
    """The first `limit` images that `labels` lists, with their files in `folder`: a `block` of params.yaml.

    InputError for labels of no known kind, broken labels, an image that is not in `folder` or stands twice.
    """
    if not Path(labels).exists():
        raise InputError(
            f"{labels}: no such file or folder: name yours in {block}.labels, or draw the study's scenes "
            "with `dvc repro scenes`"
        )
    found = read_labels(labels, vocabulary)
    ids = image_ids(found.files)
    if len(set(ids)) < len(ids):
        raise InputError(f"{labels}: {Counter(ids).most_common(1)[0][0]} stands twice: list each image once")
    paths = _in_folder(found.files, Path(folder), limit, labels, block)
    return Dataset(ids[:limit], paths, None if found.labels is None else found.labels[:limit])


def read_labels(path: str | Path, vocabulary: Vocabulary | None = None) -> Labels:
    """The labels of a file or folder of any known kind; without a vocabulary, of all classes in it."""
    path = Path(path)
    ending = path.suffix.lower()
    if not path.exists():
        raise InputError(f"{path}: no such file or folder")
    if ending == ".json":
        return read_coco(path, vocabulary)
    if ending in (".csv", ".tsv"):
        return read_csv(path, vocabulary)
    if (path / "ImageList").is_dir():
        return read_nus_wide(path, vocabulary)
    if ending == ".txt" or any(path.glob("*.xml")):
        return read_voc(path, vocabulary)
    raise InputError(f"{path}: no labels: expected {KINDS}")


def image_ids(files: Sequence[str]) -> list[str]:
    """The name of each file without its ending; where two files share that, the file with its folders."""
    stems = [PurePosixPath(file).stem for file in files]
    times = Counter(stems)
    return [stem if times[stem] == 1 else file for stem, file in zip(stems, files, strict=True)]


def _in_folder(
    files: Sequence[str], folder: Path, limit: int | None, labels: str | Path, block: str
) -> list[Path]:
    """The paths of the first files: as listed or, where no other file has its name, by that name alone."""
    times = Counter(PurePosixPath(file).name for file in files)
    paths, absent = [], []
    for file in files[:limit]:
        name = PurePosixPath(file).name
        tried = [folder / file, *([folder / name] if times[name] == 1 and name != file else [])]
        # Path.is_file fails on a name that is too long.
        path = next((path for path in tried if os.path.isfile(path)), None)  # noqa: PTH113
        if path is None:
            absent.append(" or ".join(map(str, tried)))
        paths.append(path)
    if absent:
        raise InputError(
            f"{labels}: {len(absent)} images are not in {folder}, the first is {absent[0]} ({block}.folder)"
        )
    return paths
