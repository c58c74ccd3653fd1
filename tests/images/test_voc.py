"""VOC's XML: difficult objects, names, image sets, broken files, and real annotations."""

import numpy as np
import pytest
from tests.conftest import ROOT
from tests.refusals import refused

from lexiclip.errors import InputError
from lexiclip.images.datasets import load_dataset, read_labels
from lexiclip.vocabulary import load_vocabulary, of_names

NAMES = of_names(["dog", "person", "tv monitor"])


def annotation(image, *objects):
    body = "".join(
        f"<object><name>{name}</name><difficult>{difficult}</difficult><part><name>head</name></part></object>"
        for name, difficult in objects
    )
    return f"<annotation><filename>{image}</filename>{body}</annotation>"


@pytest.fixture
def devkit(tmp_path):
    """Three images; a person who is difficult once and plain once, a dog only difficult, a horse."""
    for folder in ("Annotations", "ImageSets/Main", "JPEGImages"):
        (tmp_path / folder).mkdir(parents=True)
    objects = {
        "2": [("person", 1), ("person", 0), ("horse", 0)],
        "1": [("dog", 1), ("tvmonitor", 0)],
        "3": [],
    }
    for stem, of_image in objects.items():
        (tmp_path / f"Annotations/{stem}.xml").write_text(annotation(f"{stem}.jpg", *of_image))
        (tmp_path / f"JPEGImages/{stem}.jpg").touch()
    (tmp_path / "ImageSets/Main/test.txt").write_text("3\n2  1\n")
    return tmp_path


def test_what_only_difficult_objects_show_is_not_shown(devkit, capsys):
    dataset = load_dataset(devkit / "Annotations", devkit / "JPEGImages", NAMES, None)
    assert dataset.ids == ["1", "2", "3"]
    np.testing.assert_array_equal(dataset.labels, [[0, 0, 1], [0, 1, 0], [0, 0, 0]])
    assert "outside the vocabulary: horse" in capsys.readouterr().err


def test_an_image_set_chooses_and_orders(devkit):
    dataset = load_dataset(devkit / "ImageSets/Main/test.txt", devkit / "JPEGImages", NAMES, None)
    assert dataset.ids == ["3", "2"] and dataset.labels.tolist() == [[0, 0, 0], [0, 1, 0]]


def test_texts_over_several_lines_and_names_in_another_spelling(tmp_path):
    (tmp_path / "a.xml").write_text(
        "<annotation><filename>\n a.png </filename><object><name>\n  TV_monitor\n</name></object><object>"
        "<name>dog</name><difficult>\n 1 </difficult></object></annotation>"
    )
    (tmp_path / "a.png").touch()
    dataset = load_dataset(tmp_path, tmp_path, of_names(["dog", "tv monitor"]), None)
    assert dataset.ids == ["a"] and dataset.labels.tolist() == [[0, 1]]


def test_what_macos_keeps_beside_a_file_is_no_annotation(devkit):
    (devkit / "Annotations/._1.xml").write_bytes(b"\0\5\26\7 resource fork")
    assert load_dataset(devkit / "Annotations", devkit / "JPEGImages", NAMES, None).ids == ["1", "2", "3"]


def test_without_a_vocabulary_all_names_are_classes(devkit):
    found = read_labels(devkit / "Annotations")
    assert found.names == ("horse", "person", "tvmonitor")  # a dog is only ever difficult
    assert found.labels.tolist() == [[0, 0, 1], [1, 1, 0], [0, 0, 0]]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("<annotation>", "cannot be read as XML"),
        ("<?xml version='1.0' encoding='utf-99'?><annotation/>", "(LookupError: unknown encoding"),
        ("<html></html>", "not a VOC annotation"),
        ("<annotation><filename>2.jpg</filename><object/></annotation>", "not a VOC annotation"),
        (annotation("4.jpg"), "1 images are not in"),
        (annotation("3.jpg"), "3.jpg stands twice"),
    ],
)
def test_a_broken_annotation_is_named(devkit, content, said):
    (devkit / "Annotations/2.xml").write_text(content)
    with refused(said, "Annotations"):
        load_dataset(devkit / "Annotations", devkit / "JPEGImages", NAMES, None)


def test_a_text_that_is_no_image_set_is_told(tmp_path):
    (tmp_path / "labels.txt").write_text("a.jpg dog\n")
    with pytest.raises(
        InputError, match=r"labels\.txt: read as one of VOC's ImageSets/Main, but there is no"
    ):
        read_labels(tmp_path / "labels.txt")


def test_real_annotations_name_all_twenty_classes_of_our_vocabulary(shared_files, capsys):
    files = shared_files("photos/voc/Annotations/*.xml")
    folder = files[0].parents[1]
    vocabulary = load_vocabulary(ROOT / "src/lexiclip/vocabularies/voc20.yaml")
    names = vocabulary.names
    dataset = load_dataset(folder / "Annotations", folder / "JPEGImages", vocabulary, None)
    assert dataset.ids == [file.stem for file in files] and not capsys.readouterr().err
    # another way to count: an object's name stands before its own difficulty in the text
    for row, file in enumerate(files):
        objects = file.read_text().split("<object>")[1:]
        plain = {text.split("<name>")[1].split("<")[0] for text in objects if "<difficult>1" not in text}
        shown = {names[k].replace(" ", "") for k in np.flatnonzero(dataset.labels[row])}
        assert shown == plain, file
