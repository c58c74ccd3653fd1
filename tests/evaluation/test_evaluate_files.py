"""`lexiclip evaluate`: scores of every form are matched with labels of every form, by name."""

import json

import numpy as np
import pytest
from tests.refusals import refused

from lexiclip.errors import InputError
from lexiclip.evaluation.evaluate_files import evaluate_files
from lexiclip.evaluation.metrics import evaluate

# Images 7 (a), 9 (b) and 30 (c) by person, dog; both classes are ranked without a fault but for c's dog.
SCORES = [[0.9, 0.1], [0.2, 0.8], [0.7, 0.3]]
LABELS = [[1, 0], [0, 1], [0, 1]]


def measured(scores, labels):
    """The metrics of tables where all is held present: there are three labels an image at most."""
    scores, labels = np.array(scores), np.array(labels, dtype=np.int8)
    return evaluate(scores, labels, np.ones(scores.shape, bool)) | {"left_out": []}


EXPECTED = measured(SCORES, LABELS)


@pytest.fixture
def labels_file(tmp_path):
    images, shown = {30: "c", 7: "a", 9: "b"}, {7: 1, 9: 18, 30: 18}
    path = tmp_path / "instances.json"
    path.write_text(json.dumps({
        "images": [{"id": number, "file_name": f"{name}.jpg"} for number, name in images.items()],
        "categories": [{"id": 1, "name": "person"}, {"id": 18, "name": "dog"}],
        "annotations": [{"image_id": number, "category_id": k} for number, k in shown.items()],
    }))  # fmt: skip
    return path


@pytest.fixture
def written(tmp_path):
    """written(name, content): a file of that name; JSON by default, an array as .npy, several as .npz."""

    def write(name, content):
        path = tmp_path / name
        if path.suffix == ".npy":
            np.save(path, content)
        elif path.suffix == ".npz":
            np.savez(path, **content)
        else:
            path.write_text(content if isinstance(content, str) else json.dumps(content))
        return path

    return write


@pytest.mark.parametrize(
    "ids",
    [["b", "c", "a"], ["b.jpg", "c.jpg", "a.jpg"], [9, 30, 7], ["9", "30", "7"], ["x\\b.jpg", "c", "y/z/a"]],
)
@pytest.mark.parametrize("ending", ["npz", "json"])
def test_images_and_classes_are_matched_by_name(written, labels_file, ids, ending):
    scores = np.array(SCORES)[[1, 2, 0]][:, ::-1].tolist()
    path = written(f"scores.{ending}", {"ids": ids, "names": ["Dog", "PERSON"], "scores": scores})
    assert evaluate_files(path, labels_file) == EXPECTED


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("impreds.json", SCORES),
        ("scores.npy", SCORES),
        ("scores.npz", {"arr_0": SCORES}),
        ("scores.npz", {"scores": SCORES, "whole": np.zeros((3, 2))}),
    ],
)
def test_a_bare_table_is_taken_in_order_with_a_note(written, labels_file, capsys, name, content):
    path = written(name, content)
    assert evaluate_files(path, labels_file) == EXPECTED
    images, classes = capsys.readouterr().err.splitlines()
    assert images == f"note: {path} names no images: its rows are taken as those of {labels_file}, in order"
    assert classes == f"note: {path} names no classes: its columns are taken as person, dog"


def lines(missing=()):
    """What `lexiclip predict --json` prints, best label first."""
    for name, (person, dog) in zip("bac", np.array(SCORES)[[1, 0, 2]].tolist(), strict=True):
        ranked = sorted([(dog, "dog"), (person, "person")], reverse=True)
        kept = [pair for pair in ranked if (name, pair[1]) not in missing]
        scores, labels = zip(*kept, strict=True)
        yield json.dumps({"image": f"photos/{name}.jpg", "labels": labels, "scores": scores})


def test_probabilities_of_predict_are_what_is_evaluated(written, labels_file):
    rows = [json.loads(line) for line in lines()]
    found = []
    for key in ("probabilities", "scores"):  # beside scores, or in their place
        table = [row | {key: [1 - score for score in row["scores"]]} for row in rows]
        path = written(f"{key}.jsonl", "\n".join(map(json.dumps, table)))
        found.append(evaluate_files(path, labels_file, threshold=0.5))
    assert found[0] == found[1] != EXPECTED


@pytest.mark.parametrize("name", ["predicted.jsonl", "predicted.json"])
def test_lines_of_predict_are_read(written, labels_file, capsys, name):
    path = written(name, "\n".join(lines()) + "\n")
    assert evaluate_files(path, labels_file) == EXPECTED
    said = f"note: {path}: 3 images are matched by their bare names: photos/b.jpg is taken as b.jpg\n"
    assert capsys.readouterr().err == said
    one = written("one.json", next(lines()))
    assert evaluate_files(one, labels_file)["mAP"] == 100.0


def test_a_label_that_a_line_leaves_out_comes_last(written, labels_file, capsys):
    path = written("predicted.jsonl", "\n".join(lines({("a", "dog"), ("b", "person")})))
    assert evaluate_files(path, labels_file)["mAP"] == 100.0
    assert "labels that a photo lacks and others have count as 0.0 there" in capsys.readouterr().err


def test_results_of_coco_are_matched_by_id_where_files_have_numbers_too(written):
    """Ids count from 0, files from 1: 1 is the second image, though a file of that name is the first."""
    labels = {
        "images": [{"id": n, "file_name": f"{n + 1}.jpg"} for n in range(3)],
        "categories": [{"id": 1, "name": "dog"}],
        "annotations": [{"image_id": n, "category_id": 1} for n in (1, 2)],
    }
    results = [{"image_id": n, "category_id": 1, "score": 0.9} for n in (1, 2)]
    found = evaluate_files(written("results.json", results), written("instances.json", labels))
    assert found["mAP"] == 100.0


def test_results_of_coco_count_the_highest_of_a_pair_and_all_images(written, labels_file, capsys):
    results = [
        {"image_id": image, "category_id": category, "bbox": [0, 0, 1, 1], "score": score}
        for image, category, score in [(7, 1, 0.9), (7, 1, 0.2), (9, 18, 0.8), (7, 18, 0.5)]
    ]
    path = written("coco_results.json", results)
    found = evaluate_files(path, labels_file)
    table = np.array([[0.9, 0.5], [0, 0.8], [0, 0]])
    assert found == measured(table, LABELS)
    assert "images and categories without a result count as 0.0" in capsys.readouterr().err
    results[0]["category_id"] = 3
    with pytest.raises(InputError, match="the labels have no category 3"):
        evaluate_files(written("coco_results.json", results), labels_file)


def test_results_that_name_their_categories_go_with_labels_of_any_kind(written):
    labels = written("labels.csv", "image;labels\na.jpg;person\nb.jpg;dog\nc.jpg;dog\n")
    rows = zip("abc", SCORES, strict=True)
    results = [
        {"image_id": image, "category_id": name, "score": score}
        for image, scores in rows
        for name, score in zip(("Person", "dog"), scores, strict=True)
    ]
    found = evaluate_files(written("results.json", results), labels)
    assert found["mAP"] == EXPECTED["mAP"] and found["OF1"] == EXPECTED["OF1"]
    results[0]["category_id"] = "cat"
    with refused("the labels have no category cat"):
        evaluate_files(written("results.json", results), labels)


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ("image,labels\na.jpg,person\nb.jpg,dog\nc.jpg,dog\n", "labels.csv have no order"),
        ("image\na.jpg\n", "no column `labels`: nothing to evaluate with"),
    ],
)
def test_a_bare_table_beside_a_table_of_labels_is_refused(written, labels, said):
    with refused(said):
        evaluate_files(written("scores.npy", SCORES), written("labels.csv", labels))


def test_scores_of_some_images_are_evaluated_alone(written, labels_file, capsys):
    path = written("scores.json", {"ids": ["b"], "names": ["person", "dog"], "scores": [[0.2, 0.8]]})
    result = evaluate_files(path, labels_file)
    assert result["mAP"] == 100.0 and result["left_out"] == ["person"]
    assert "1 of 3 labelled images" in capsys.readouterr().err


def test_classes_of_one_file_alone_are_left_out_with_a_note(written, labels_file, capsys):
    scores = [[0, *row] for row in np.array(SCORES)[:, 1:].tolist()]
    path = written("scores.json", {"ids": ["a", "b", "c"], "names": ["persons", "dog"], "scores": scores})
    result = evaluate_files(path, labels_file)
    assert result["mAP"] == 100.0 and result["left_out"] == ["persons"]
    said = capsys.readouterr().err
    assert f"{labels_file} has no class persons (did you mean 'person'?): left out\n" in said
    assert f"no scores of person, which {labels_file} has: left out\n" in said


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "not JSON"),
        ("{}", "no `scores`: read are .npz or .json with `scores`, `ids` and `names`, a bare table"),
        ("", "the file is empty: scores are read from .npz or .json with `scores`"),
        ("[]", "no scores in it: scores are read from .npz or .json with `scores`"),
        ('[{"id": 3}]', "expected image, labels and as many scores in each entry (KeyError: 'labels')"),
        ('[{"image_id": 7, "score": 1}]', "expected image_id, category_id and score in each entry"),
        ("[[0.1, 0.2], [0.3]]", "must be a table of numbers"),
        ("[[0.1, 0.2]]", "expected (3 images, 2 classes)"),
        ('{"scores": [[1, 0]], "ids": ["x"]}', "no labels for 1 of its images, the first is x"),
        ('{"scores": [[1, 0], [0, 1]], "ids": ["a", "a"]}', "'a' is 2 times in `ids`"),
        ('{"scores": [[1, 0], [0, 1]], "ids": ["a", "x/a.jpg"]}', "a, x/a.jpg are one image of the labels"),
        ('{"scores": [[1, 0]], "ids": ["a"], "names": ["dog", "Dog"]}', "'dog' is 2 times in `names`"),
        ('{"scores": [[1, 0]], "ids": 3}', "`ids` must be a list"),
        ('{"scores": [[1, 0]], "ids": ["a"], "names": ["cat", "cow"]}', "no image shows any class"),
        ('{"scores": [[NaN, 0]], "ids": ["a"]}', "the score of a for person is nan, not a finite number"),
        ("[[1, 0], [0, null], [0, Infinity]]", "the score of b.jpg for dog is nan, not a finite number (and"),
    ],
)
def test_a_broken_scores_file_is_told_in_one_line(written, labels_file, content, said):
    with refused(said):
        evaluate_files(written("scores.json", content), labels_file)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("scores.npz", b"", "scores.npz: the file is empty: scores are read from .npz"),
        ("scores.npy", b"PK\3\4 of something else", "not a .npy file"),
        ("scores.npz", b"PK\3\4 of something else", "not an npz file"),
        ("scores.pt", b"PK\3\4 of something else", "scores are read from .npz or .json with"),
    ],
)
def test_an_empty_or_another_file_is_told_what_is_read(tmp_path, labels_file, name, content, said):
    (tmp_path / name).write_bytes(content)
    with refused(said):
        evaluate_files(tmp_path / name, labels_file)
