"""PASCAL VOC's annotations in (XML, 2007 and 2012 alike), image-level labels out."""

import sys
from pathlib import Path
from xml.etree import ElementTree

from lexiclip.errors import InputError
from lexiclip.files import read_text, reading
from lexiclip.images.labels import Labels, label_rows, listed_file
from lexiclip.vocabulary import Vocabulary, bare, of_names


def read_voc(labels: Path, vocabulary: Vocabulary | None = None) -> Labels:
    """Labels of the images of a folder of .xml, or of an image set in ImageSets/Main.

    A class is shown where an object not marked difficult shows it, as in TaI-DPT's evaluation (VOC's own
    leaves a pair with difficult objects alone out). "tvmonitor" is "tv monitor"; classes outside the
    vocabulary are ignored with a note; without one, all names in alphabetical order are the classes.
    InputError names a broken file.
    """
    if labels.suffix.lower() == ".txt":
        annotations = labels.absolute().parent.parent.parent / "Annotations"
        if not annotations.is_dir():
            raise InputError(f"{labels}: read as one of VOC's ImageSets/Main, but there is no {annotations}")
        lines = read_text(labels).splitlines()
        files = [annotations / f"{line.split()[0]}.xml" for line in lines if line.strip()]
    else:  # macOS keeps "._name.xml" beside each file
        files = sorted(file for file in labels.glob("*.xml") if not file.name.startswith("."))
    read = [_read_annotation(file) for file in files]
    named = {name for _, shown in read for name in shown}
    vocabulary = vocabulary or of_names(sorted(named))
    if others := sorted(name for name in named if bare(name) not in vocabulary.columns):
        print(f"note: classes of {labels} outside the vocabulary: {', '.join(others)}", file=sys.stderr)
    columns = [[vocabulary.columns.get(bare(name)) for name in shown] for _, shown in read]
    rows = label_rows(columns, len(vocabulary.names))
    return Labels([image for image, _ in read], vocabulary.names, rows)


def _read_annotation(file: Path) -> tuple[str, set[str]]:
    """The image's file name and the classes of its objects that are not difficult."""
    with reading(file, problem="cannot be read as XML"):
        root = ElementTree.parse(file).getroot()
    objects = list(root.iter("object"))
    shown = [item for item in objects if _text(item, "difficult") != "1"]
    found, image = {_text(item, "name") for item in shown}, _text(root, "filename")
    if root.tag != "annotation" or not image or not all(_text(item, "name") for item in objects):
        raise InputError(f"{file}: not a VOC annotation: expected filename, and a name in each object")
    return listed_file(image), found


def _text(element: ElementTree.Element, tag: str) -> str:
    """The text of a child on one line, as tools write it over several; empty if there is none."""
    return " ".join((element.findtext(tag) or "").split())
