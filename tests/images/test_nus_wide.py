"""NUS-WIDE's lists, as they are laid out by its authors and by TaI-DPT."""

import pytest

from lexiclip.errors import InputError
from lexiclip.images.datasets import load_dataset, read_labels
from lexiclip.vocabulary import Vocabulary, of_names


@pytest.fixture
def lists(request, tmp_path):
    labels = getattr(request, "param", "TrainTestLabels")
    for folder in ("ImageList", labels, "Flickr/actor", "Flickr/zoo"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "ImageList/TestImagelist.txt").write_bytes(b"zoo\\0002_7.jpg\r\nactor\\0001_9.jpg\r\n")
    for name, marks in {"animal": "1\n0\n", "person": "0\n1\n", "sky": "1\n1\n"}.items():
        (tmp_path / labels / f"Labels_{name}_Test.txt").write_text(marks)
    for image in ("zoo/0002_7.jpg", "actor/0001_9.jpg"):
        (tmp_path / "Flickr" / image).touch()
    return tmp_path, tmp_path / labels


@pytest.mark.parametrize("lists", ["Groundtruth/TrainTestLabels", "TrainTestLabels"], indirect=True)
def test_labels_in_the_order_of_the_list_and_of_names(lists):
    root, _ = lists
    dataset = load_dataset(root, root / "Flickr", of_names(["sky", "animal", "person"]), None)
    assert dataset.ids == ["0002_7", "0001_9"]
    assert [path.parent.name for path in dataset.paths] == ["zoo", "actor"]
    assert dataset.labels.tolist() == [[1, 1, 0], [1, 0, 1]]


@pytest.mark.parametrize(("marks", "got"), [("1\n", "1 lines"), ("1\n2\n", "'2'")])
def test_a_list_that_does_not_fit_is_named(lists, marks, got):
    root, labels = lists
    (labels / "Labels_sky_Test.txt").write_text(marks)
    said = rf"Labels_sky_Test\.txt: expected a 0 or 1 for each of 2 images, got {got}"
    with pytest.raises(InputError, match=said):
        load_dataset(root, root / "Flickr", of_names(["sky"]), None)


def test_a_concept_without_a_list_is_named(lists):
    root, _ = lists
    with pytest.raises(InputError, match=r"TrainTestLabels: no Labels_tram_Test\.txt"):
        load_dataset(root, root / "Flickr", of_names(["tram"]), None)


def test_a_concept_is_found_by_another_word(lists):
    root, labels = lists
    (labels / "Labels_sky_Test.txt").rename(labels / "Labels_Clear-Sky_Test.txt")
    words = Vocabulary(("heaven", "animal"), {"clear sky": "heaven"})
    assert load_dataset(root, root / "Flickr", words, None).labels.tolist() == [[1, 1], [1, 0]]


def test_all_images_in_one_folder_are_found(lists):
    root, _ = lists
    for image in ("zoo/0002_7.jpg", "actor/0001_9.jpg"):
        (root / "Flickr" / image).rename(root / "Flickr" / image.split("/")[1])
    dataset = load_dataset(root, root / "Flickr", of_names(["sky"]), None)
    assert dataset.paths == [root / "Flickr/0002_7.jpg", root / "Flickr/0001_9.jpg"]
    (root / "Flickr/0001_9.jpg").unlink()
    with pytest.raises(InputError, match=r"the first is \S*/actor/0001_9\.jpg or \S*/Flickr/0001_9\.jpg"):
        load_dataset(root, root / "Flickr", of_names(["sky"]), None)


def test_without_a_vocabulary_all_concepts_are_classes(lists):
    found = read_labels(lists[0])
    assert found.names == ("animal", "person", "sky") and found.labels.tolist() == [[1, 0, 1], [0, 1, 1]]
