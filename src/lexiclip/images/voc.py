"""PASCAL VOC's annotations in (XML, 2007 and 2012 alike), image-level labels out."""

import sys
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from lexiclip.errors import InputError
from lexiclip.files import reading
from lexiclip.vocabulary import bare


def read_voc(labels: Path, names: tuple[str, ...]) -> tuple[list[str], np.ndarray]:
    """Files and labels (N, K) int8 of the images of a folder of .xml, or of an image set in ImageSets/Main.

    A class is shown where an object not marked difficult shows it, as in TaI-DPT's evaluation (VOC's own
    leaves a pair with difficult objects alone out). "tvmonitor" is "tv monitor"; classes outside `names` are
    ignored with a note. InputError names a broken file.
    """
    if labels.suffix == ".txt":
        annotations = labels.absolute().parent.parent.parent / "Annotations"
        with reading(labels):
            lines = labels.read_text(encoding="utf-8").splitlines()
        files = [annotations / f"{line.split()[0]}.xml" for line in lines if line.strip()]
    else:
        files = sorted(labels.glob("*.xml"))
    column_of = {bare(name): k for k, name in enumerate(names)}
    images, shown, others = [], np.zeros((len(files), len(names)), dtype=np.int8), set()
    for row, file in enumerate(files):
        image, found = _read_annotation(file)
        images.append(image)
        for name in found:
            if bare(name) in column_of:
                shown[row, column_of[bare(name)]] = 1
            else:
                others.add(name)
    if others:
        outside = ", ".join(sorted(others))
        print(f"note: classes of {labels} outside the vocabulary: {outside}", file=sys.stderr)
    return images, shown


def _read_annotation(file: Path) -> tuple[str, set[str]]:
    """The image's file name and the classes of its objects that are not difficult."""
    with reading(file, problem="cannot be read as XML"):
        root = ElementTree.parse(file).getroot()
    objects = list(root.iter("object"))
    shown = [item for item in objects if _text(item, "difficult") != "1"]
    found, image = {_text(item, "name") for item in shown}, _text(root, "filename")
    if root.tag != "annotation" or not image or not all(_text(item, "name") for item in objects):
        raise InputError(f"{file}: not a VOC annotation: expected filename, and a name in each object")
    return image, found


def _text(element: ElementTree.Element, tag: str) -> str:
    """The text of a child on one line, as tools write it over several; empty if there is none."""
    return " ".join((element.findtext(tag) or "").split())
