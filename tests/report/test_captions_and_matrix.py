"""What was asked and kept, which classes captions name, and which they name together."""

import base64
import io
from xml.etree import ElementTree

import numpy as np
from PIL import Image

from lexiclip.report.matrix import MOST_CLASSES, cooccurrence_picture, strongest_pairs
from lexiclip.report.page import write_matrix
from lexiclip.report.tables import captions_of_classes


def test_classes_by_captions():
    statistics = {"multi": {"per_class": {"cat": 1, "dog": 2}}, "single": {"per_class": {"cat": 4, "dog": 0}}}
    assert captions_of_classes(statistics, ["multi", "single"]) == [
        ("cat", {"multi": 1, "single": 4}),
        ("dog", {"multi": 2, "single": 0}),
    ]
    assert captions_of_classes(statistics, ["multi"])[0] == ("dog", {"multi": 2})


def pixels(drawn):
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(drawn.picture.split(",")[1]))))


def test_a_pixel_a_cell_its_ink_the_root_of_its_share():
    matrix = np.array([[0, 0.25, 1.0], [0, 0, 0.04], [0, 0, 0]])
    drawn = cooccurrence_picture(matrix, ["cat", "x" * 40, "cow"], {})
    np.testing.assert_array_equal(pixels(drawn), np.round(255 * np.sqrt(matrix)))
    assert drawn.names == ["cat", "x" * 23 + "…", "cow"]


def test_of_very_many_classes_those_with_most_captions_in_their_order():
    count = MOST_CLASSES + 2
    names = [f"class {k}" for k in range(count)]
    captions = dict.fromkeys(names, 5) | {names[0]: 1, names[7]: 2}
    drawn = cooccurrence_picture(np.eye(count), names, captions)
    assert drawn.names == [name for name in names if name not in (names[0], names[7])]
    assert pixels(drawn).shape == (MOST_CLASSES, MOST_CLASSES)


def test_pairs_of_rare_classes_do_not_count():
    matrix = np.array([[0, 0.5, 0.2], [1.0, 0, 1.0], [0.3, 0, 0]])
    pairs = strongest_pairs(matrix, ["a", "b", "c"], {"a": 30, "b": 2, "c": 20})
    assert pairs == [("a", "b", 0.5, 30), ("c", "a", 0.3, 20), ("a", "c", 0.2, 30)]
    assert strongest_pairs(matrix, ["a", "b", "c"], {}) == []


def test_an_svg_of_its_own_with_every_name_twice_and_the_same_bytes(tmp_path):
    names, paths = ("cat", "dog & cow", "hair drier"), [tmp_path / "a.svg", tmp_path / "b.svg"]
    for path in paths:
        write_matrix(path, cooccurrence_picture(np.eye(3), names, {}), "who is named together")
    root = ElementTree.fromstring(paths[0].read_text())
    assert root.tag.endswith("svg") and root.attrib["aria-label"] == "who is named together"
    assert sorted(element.text for element in root.iter() if element.tag.endswith("text")) == sorted(
        names * 2
    )
    assert paths[0].read_bytes() == paths[1].read_bytes()
