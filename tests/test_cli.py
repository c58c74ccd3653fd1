"""The command line from outside: what it prints, in which order, and how it fails."""

import json
import sys

import numpy as np
import pytest

from lexiclip import cli
from lexiclip.errors import InputError
from lexiclip.evaluation.metrics import evaluate

SCORES = [[0.9, 0.1], [0.2, 0.8], [0.7, 0.3]]  # images 7, 9, 30 by person, dog
LABELS = [[1, 0], [0, 1], [0, 1]]


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
def run(monkeypatch, capsys):
    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["lexiclip", *map(str, arguments)])
        cli.main()
        return capsys.readouterr().out

    return run


def test_label_prints_one_line_a_caption_in_order(tmp_path, run):
    path = tmp_path / "captions.txt"
    path.write_text("A hot dog.\n\nTwo men and a caf\u00e9 table\r\nA dog", encoding="utf-8")
    rows = [json.loads(line) for line in run("label", path).splitlines()]
    assert rows == [
        {"caption": "A hot dog.", "labels": ["hot dog"]},
        {"caption": "", "labels": []},
        {"caption": "Two men and a caf\u00e9 table", "labels": ["person"]},
        {"caption": "A dog", "labels": ["dog"]},
    ]


def test_label_with_another_vocabulary(tmp_path, run):
    captions, words = tmp_path / "captions.txt", tmp_path / "words.yaml"
    captions.write_text("A couch beside a tram\n")
    words.write_text("classes: {tram: [streetcar]}\n")
    assert json.loads(run("label", captions, "--vocabulary", "voc20"))["labels"] == ["sofa", "train"]
    assert json.loads(run("label", captions, "--vocabulary", words))["labels"] == ["tram"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(["absent.txt"], "absent.txt"), ([__file__, "--vocabulary", "coco"], "choose coco80, nus81, voc20")],
)
def test_bad_input_ends_in_one_line_and_exit_code_1(run, capsys, arguments, said):
    with pytest.raises(SystemExit) as ended:
        run("label", *arguments)
    streams = capsys.readouterr()
    assert ended.value.code == 1 and not streams.out
    assert said in streams.err and streams.err.count("\n") == 1


@pytest.mark.parametrize("ids", [["b", "c", "a"], ["b.jpg", "c.jpg", "a.jpg"], [9, 30, 7]])
@pytest.mark.parametrize("ending", ["npz", "json"])
def test_evaluate_matches_images_and_classes_by_name(tmp_path, labels_file, run, ids, ending):
    path = tmp_path / f"scores.{ending}"
    scores = np.array(SCORES)[[1, 2, 0]][:, ::-1]
    stored = {"ids": ids, "names": ["dog", "person"], "scores": scores}
    if ending == "npz":
        np.savez(path, **stored)
    else:
        path.write_text(json.dumps(stored | {"scores": scores.tolist()}))
    # dog: b .8, c .3, a .1, of which b and c show it; person: a .9, c .7, b .2, of which a shows it.
    assert json.loads(run("evaluate", path, labels_file))["mAP"] == 100.0


def test_a_bare_table_has_images_and_categories_in_the_order_of_their_numbers(tmp_path, labels_file, run):
    path = tmp_path / "impreds.json"
    path.write_text(json.dumps(SCORES))
    expected = evaluate(np.array(SCORES), np.array(LABELS, dtype=np.int8))
    assert json.loads(run("evaluate", path, labels_file)) == expected | {"left_out": []}


def test_scores_of_some_images_are_evaluated_alone(tmp_path, labels_file, capsys):
    path = tmp_path / "scores.json"
    path.write_text(json.dumps({"ids": ["b"], "names": ["person", "dog"], "scores": [[0.2, 0.8]]}))
    result = cli.evaluate_files(path, labels_file)
    assert result["mAP"] == 100.0 and result["left_out"] == ["person"]
    assert "1 of 3 labelled images" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "not JSON"),
        ("{}", "no `scores`"),
        ("[[0.1, 0.2], [0.3]]", "must be a table of numbers"),
        ('{"scores": [["x", 1]]}', "must be a table of numbers"),
        ("[[0.1, 0.2]]", "expected (3 images, 2 classes)"),
        ('{"scores": [[1, 0]], "ids": ["x"]}', "no labels for 1 of its images, the first is x"),
        ('{"scores": [[1, 0], [0, 1]], "ids": ["a", "a"]}', "'a' is 2 times in `ids`"),
        ('{"scores": [[1, 0]], "ids": 3}', "`ids` must be a list"),
        ('{"scores": [[1, 0]], "ids": ["a"], "names": ["cat", "dog"]}', "no category cat"),
        ('{"scores": [[NaN, 0]], "ids": ["a"]}', "finite number"),
    ],
)
def test_a_broken_scores_file_is_told_in_one_line(tmp_path, labels_file, content, said):
    path = tmp_path / "scores.json"
    path.write_text(content)
    with pytest.raises(InputError) as error:
        cli.evaluate_files(path, labels_file)
    assert said in str(error.value) and "\n" not in str(error.value)
