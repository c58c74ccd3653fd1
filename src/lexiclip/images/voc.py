"""PASCAL VOC's annotations in (XML, 2007 and 2012 alike), image-level labels out."""

import sys
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from lexiclip.errors import InputError


def read_voc(labels: Path, names: tuple[str, ...]) -> tuple[list[str], np.ndarray]:
    """Files and labels (N, K) int8 of the images of a folder of .xml, or of an image set in ImageSets/Main.

    A class that only objects marked difficult show counts as not shown, as in TaI-DPT's evaluation, where
    whatever is no positive is a negative (VOC's own leaves such pairs out, which -1 would say). "tvmonitor"
    is "tv monitor"; classes outside `names` are passed over with a note. InputError names a broken file.
    """
    if labels.suffix == ".txt":
        annotations = labels.absolute().parent.parent.parent / "Annotations"
        files = [annotations / f"{line.split()[0]}.xml" for line in _lines(labels) if line.strip()]
    else:
        files = sorted(labels.glob("*.xml"))
    column_of = {_bare(name): k for k, name in enumerate(names)}
    images, shown, others = [], np.zeros((len(files), len(names)), dtype=np.int8), set()
    for row, file in enumerate(files):
        image, found = _read_annotation(file)
        images.append(image)
        for name in found:
            if _bare(name) in column_of:
                shown[row, column_of[_bare(name)]] = 1
            else:
                others.add(name)
    if others:
        print(
            f"note: classes of {labels} outside the vocabulary: {', '.join(sorted(others))}", file=sys.stderr
        )
    return images, shown


def _read_annotation(file: Path) -> tuple[str, set[str]]:
    """The image's file name and the classes of its objects that are not difficult."""
    try:
        root = ElementTree.parse(file).getroot()
        found = {item.findtext("name") for item in root.iter("object") if item.findtext("difficult") != "1"}
        image = root.findtext("filename")
    except OSError as error:
        raise InputError(f"{file}: cannot be read ({error.strerror})") from None
    except (ElementTree.ParseError, LookupError, ValueError) as error:  # an encoding that Python lacks
        raise InputError(f"{file}: not XML ({error})") from None
    if root.tag != "annotation" or not image or None in found:
        raise InputError(f"{file}: not a VOC annotation: expected filename, and a name in each object")
    return image, found


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read ({error})") from None


def _bare(name: str) -> str:
    return name.replace(" ", "").lower()
