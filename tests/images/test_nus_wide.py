"""NUS-WIDE's lists, as they are laid out by its authors and by TaI-DPT."""

import pytest

from lexiclip.errors import InputError
from lexiclip.images.datasets import load_dataset


@pytest.fixture(params=["Groundtruth/TrainTestLabels", "TrainTestLabels"])
def lists(request, tmp_path):
    for folder in ("ImageList", request.param, "Flickr/actor", "Flickr/zoo"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "ImageList/TestImagelist.txt").write_bytes(b"zoo\\0002_7.jpg\r\nactor\\0001_9.jpg\r\n")
    for name, marks in {"animal": "1\n0\n", "person": "0\n1\n", "sky": "1\n1\n"}.items():
        (tmp_path / request.param / f"Labels_{name}_Test.txt").write_text(marks)
    for image in ("zoo/0002_7.jpg", "actor/0001_9.jpg"):
        (tmp_path / "Flickr" / image).touch()
    return tmp_path, tmp_path / request.param


def test_labels_in_the_order_of_the_list_and_of_names(lists):
    root, _ = lists
    dataset = load_dataset(root, root / "Flickr", ("sky", "animal", "person"), None)
    assert dataset.ids == ["0002_7", "0001_9"]
    assert [path.parent.name for path in dataset.paths] == ["zoo", "actor"]
    assert dataset.labels.tolist() == [[1, 1, 0], [1, 0, 1]]


@pytest.mark.parametrize("marks", ["1\n", "1\n2\n"])
def test_a_list_that_does_not_fit_is_named(lists, marks):
    root, labels = lists
    (labels / "Labels_sky_Test.txt").write_text(marks)
    with pytest.raises(InputError, match=r"Labels_sky_Test\.txt: expected a 0 or 1 for each of 2 images"):
        load_dataset(root, root / "Flickr", ("sky",), None)


def test_a_concept_without_a_list_is_named(lists):
    root, _ = lists
    with pytest.raises(InputError, match=r"Labels_tram_Test\.txt: cannot be read"):
        load_dataset(root, root / "Flickr", ("tram",), None)
