"""COCO's instances JSON and tables: labels worked by hand, what broken files are told, real photos."""

import json

import numpy as np
import pytest
from tests.refusals import refused

from lexiclip.errors import InputError
from lexiclip.images.coco import read_coco
from lexiclip.images.datasets import load_dataset, read_labels
from lexiclip.vocabulary import Vocabulary, of_names

NAMES = of_names(["person", "dog", "zebra"])
WORDS = Vocabulary(
    ("person", "dog", "zebra"),
    {"person": "person", "dog": "dog", "zebra": "zebra", "puppy": "dog", "hot dog": None},
)


def instances(**more):
    """Three images out of order, category ids with gaps and out of order, a class outside NAMES, a crowd.

    `more` is appended to its lists.
    """
    images = [{"id": number, "file_name": f"{name}.jpg"} for number, name in ((30, "c"), (7, "a"), (9, "b"))]
    categories = {90: "toothbrush", 18: "dog", 1: "person", 24: "zebra"}
    shown = [(30, 18), (30, 18), (7, 1), (7, 90)]
    found = {
        "images": images,
        "categories": [{"id": number, "name": name} for number, name in categories.items()],
        "annotations": [{"image_id": image, "category_id": k, "iscrowd": int(k == 1)} for image, k in shown],
    }
    return found | {key: [*found[key], row] for key, row in more.items()}


@pytest.fixture
def written(tmp_path):
    def written(content):
        path = tmp_path / "instances.json"
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        for name in ("a.jpg", "b.jpg", "c.jpg"):
            (tmp_path / name).touch()
        return path

    return written


def test_labels_in_the_order_of_image_ids_and_names(written):
    path = written(instances())
    dataset = load_dataset(path, path.parent, NAMES, None)
    assert dataset.ids == ["a", "b", "c"]
    assert [file.name for file in dataset.paths] == ["a.jpg", "b.jpg", "c.jpg"]
    np.testing.assert_array_equal(dataset.labels, [[1, 0, 0], [0, 0, 0], [0, 1, 0]])
    assert dataset.labels.dtype == np.int8
    (path.parent / "c.jpg").unlink()  # a limit takes the first images and asks for no other file
    dataset = load_dataset(path, path.parent, NAMES, 2)
    assert dataset.ids == ["a", "b"] and dataset.labels.shape == (2, 3)


def test_names_default_to_the_categories_in_the_order_of_their_ids(written):
    coco = read_coco(written(instances()))
    assert coco.names == ("person", "dog", "zebra", "toothbrush")
    assert coco.image_ids == ["7", "9", "30"]
    np.testing.assert_array_equal(coco.labels, [[1, 0, 0, 1], [0, 0, 0, 0], [0, 1, 0, 0]])


def test_ids_match_whether_numbers_or_text(written):
    """As texts, some of them or none, and annotations under their ids, as LIVECell lists them."""
    content = instances()
    expected = [[1, 0, 0], [0, 0, 0], [0, 1, 0]]
    for image in content["images"]:
        image["id"] = str(image["id"])
    content["annotations"][0]["category_id"] = "18"
    assert load_dataset(written(content), written(content).parent, NAMES, None).ids == ["c", "a", "b"]
    content["images"][1]["id"] = 7
    content["annotations"] = dict(enumerate(content["annotations"]))
    dataset = load_dataset(written(content), written(content).parent, NAMES, None)
    assert dataset.ids == ["a", "c", "b"]  # numbers first
    np.testing.assert_array_equal(dataset.labels, [expected[0], expected[2], expected[1]])


def test_categories_may_be_spelt_otherwise_or_by_another_word(written):
    content = instances()
    content["categories"][1]["name"], content["categories"][3]["name"] = "Puppy", "ZEBRA"
    content["categories"].append({"id": 2, "name": "hot_dog"})
    content["annotations"].append({"image_id": 9, "category_id": 2})
    path = written(content)
    np.testing.assert_array_equal(
        load_dataset(path, path.parent, WORDS, None).labels, [[1, 0, 0], [0, 0, 0], [0, 1, 0]]
    )
    with pytest.raises(InputError, match="no category dog, zebra"):
        content["categories"][3]["name"] = "horse"
        load_dataset(written(content), path.parent, NAMES, None)


def test_images_of_one_name_in_two_folders_keep_the_folder(written, tmp_path):
    content = instances()
    content["images"][0]["file_name"], content["images"][1]["file_name"] = "cam1\\x.png", "cam2\\x.png"
    for folder in ("cam1", "cam2"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "x.png").touch()
    dataset = load_dataset(written(content), tmp_path, NAMES, None)
    assert dataset.ids == ["cam2/x.png", "b", "cam1/x.png"]
    assert dataset.paths[0] == tmp_path / "cam2/x.png"
    (tmp_path / "cam1/x.png").rename(tmp_path / "x.png")  # which of the two, cannot be told
    with pytest.raises(InputError, match=r"1 images are not in .*, the first is \S*/cam1/x\.png \(images"):
        load_dataset(written(content), tmp_path, NAMES, None)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("[]", "not COCO's instances JSON"),
        ({"categories": [], "annotations": []}, "KeyError: 'images'"),
        (instances(images={"id": 8}), "KeyError: 'file_name'"),
        (instances(images={"id": "7", "file_name": "d.jpg"}), "image id 7 stands 2 times"),
        (instances(images={"id": 8, "file_name": ".\\a.jpg"}), "file a.jpg stands 2 times"),
        (instances(images={"id": 8, "file_name": "x" * 999}), "1 images are not in"),
        (instances(categories={"id": 1.0, "name": "cow"}), "category id 1 stands 2 times"),
        (instances(annotations={"image_id": 7, "category_id": 4}), "names category 4, which is not listed"),
        (instances(annotations={"image_id": 8, "category_id": 1}), "image 8"),
        (instances(annotations={"image_id": [7], "category_id": 1}), "image [7], which is not"),
    ],
)
def test_a_broken_file_is_told_in_one_line(written, content, said):
    path = written(content)
    with refused(said, "instances.json"):
        load_dataset(path, path.parent, NAMES, None)


@pytest.fixture
def table(tmp_path):
    def table(text):
        path = tmp_path / "labels.csv"
        path.write_text(text, encoding="utf-8-sig")
        for name in ("b.jpg", "a.jpg"):
            (tmp_path / name).touch()
        return path

    return table


@pytest.mark.parametrize(
    "text",
    [
        "image,labels\nb.jpg,dog\nb.jpg,zebra\na.jpg,\n",  # a row a label
        "Image, Labels \nb.jpg, dog; zebra\na.jpg,\n,\n,\n",  # spaces, capitals, a spreadsheet's empty rows
        "image;labels\nb.jpg;dog,zebra\na.jpg;\n",
        "image\tlabels\turl\nb.jpg\tDOG;Zebra\thttp://b\na.jpg\t\t\n",
        "image,labels\nb.jpg,\"['dog', 'zebra']\"\na.jpg,[]\n",  # as Python prints a list
        'image,labels\nb.jpg,"dog\nzebra"\na.jpg,\n',
        "image,labels\nb.jpg,dog|zebra\na.jpg,\n",
        "image,labels\nb.jpg,Puppy; zebra; hot dog\n./a.jpg,\n",  # another word; one that gives no label
    ],
)
def test_tables_as_tools_write_them(table, text):
    path = table(text)
    dataset = load_dataset(path, path.parent, WORDS, None)
    assert dataset.ids == ["b", "a"] and dataset.labels.tolist() == [[0, 1, 1], [0, 0, 0]]
    assert load_dataset(path, path.parent, WORDS, 1).labels.tolist() == [[0, 1, 1]]


def test_a_path_of_windows_is_found_there_or_by_its_bare_name(table):
    path = table("image,labels\nsub\\c.jpg,dog\nimages\\a.jpg,\n")
    (path.parent / "sub").mkdir()
    (path.parent / "sub/c.jpg").touch()
    found = load_dataset(path, path.parent, NAMES, None).paths
    assert found == [path.parent / "sub/c.jpg", path.parent / "a.jpg"]


def test_a_table_of_images_alone_has_no_labels(table):
    path = table("image\nb.jpg\na.jpg\n")
    dataset = load_dataset(path, path.parent, NAMES, None)
    assert dataset.ids == ["b", "a"] and dataset.labels is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("file\nb.jpg\n", "line 1: no column `image` among file"),
        ("images,labels\nb.jpg,dog\n", "no column `image` among images (did you mean 'image'?), labels"),
        ("image,label\nb.jpg,dog\n", "got image, label (did you mean 'labels'?)"),
        ("image,labels\n,\n", "no photo in it"),
        ("image,labels\nb.jpg,dig\n", "line 2, b.jpg: unknown class 'dig' (did you mean 'dog'?)"),
        ("image\nb.jpg\nsub/c.jpg\n", "/sub/c.jpg or "),
        ("labels,image\ndog\n", "line 2: `image` is empty"),
    ],
)
def test_a_broken_table_is_told_in_one_line(table, text, said):
    path = table(text)
    with refused(said, "labels.csv"):
        load_dataset(path, path.parent, NAMES, None)


def test_labels_of_no_known_kind_are_refused(tmp_path):
    with refused("expected COCO's"):
        load_dataset(tmp_path, tmp_path, NAMES, None)
    with refused("no such file or folder: name yours in images.labels"):
        load_dataset(tmp_path / "absent.json", tmp_path, NAMES, None)
    with refused("absent: no such file or folder"):
        read_labels(tmp_path / "absent")


def test_without_a_vocabulary_a_table_has_its_own_labels(table):
    path = table("image,labels\nb.jpg,zebra; Dog\na.jpg,dog\n")
    found = read_labels(path)
    assert found.names == ("Dog", "zebra") and found.labels.tolist() == [[1, 1], [1, 0]]
