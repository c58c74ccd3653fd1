"""The matrix as a picture of its own: SVG that stands alone and has the same bytes whenever it is drawn."""

from xml.etree import ElementTree

import numpy as np

from lexiclip.report.matrix import cooccurrence_picture
from lexiclip.report.page import write_matrix


def test_an_svg_with_every_name_twice(tmp_path):
    names = ("cat", "dog & cow", "hair drier")
    picture = cooccurrence_picture(
        np.array([[0, 1, 0.5], [0, 0, 0], [1, 0, 0]]), names, dict.fromkeys(names, 1)
    )
    paths = [tmp_path / "a.svg", tmp_path / "b.svg"]
    for path in paths:
        write_matrix(path, picture, "who is named together")
    root = ElementTree.fromstring(paths[0].read_text())
    assert root.tag.endswith("svg") and root.attrib["aria-label"] == "who is named together"
    texts = [element.text for element in root.iter() if element.tag.endswith("text")]
    assert sorted(texts) == sorted([*names, *names])
    assert paths[0].read_bytes() == paths[1].read_bytes()
