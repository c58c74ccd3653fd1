"""The command line from outside: what it prints, in which order, and how it fails."""

import json
import sys

import pytest

from lexiclip import cli


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


@pytest.mark.parametrize(
    ("name", "content"),
    [("c.csv", 'image,caption\na.png,"A dog, asleep"\n'), ("c.jsonl", '{"caption": "A dog, asleep"}\n')],
)
def test_label_reads_the_captions_of_a_table(tmp_path, run, name, content):
    (tmp_path / name).write_text(content)
    (row,) = map(json.loads, run("label", tmp_path / name).splitlines())
    assert row == {"caption": "A dog, asleep", "labels": ["dog"]}


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


@pytest.mark.parametrize(
    ("rule", "said"), [("--per-image=1", "1 an image on average"), ("--threshold=0.5", "of at least 0.5")]
)
def test_evaluate_says_by_which_rule_it_decides(tmp_path, monkeypatch, capsys, rule, said):
    scores, labels = tmp_path / "scores.json", tmp_path / "labels.csv"
    scores.write_text('{"ids": ["a", "b"], "names": ["dog", "cat"], "scores": [[0.9, 0.1], [0.2, 0.8]]}')
    labels.write_text("image,labels\na.jpg,dog\nb.jpg,cat\n")
    monkeypatch.setattr(sys, "argv", ["lexiclip", "evaluate", rule, str(scores), str(labels)])
    cli.main()
    streams = capsys.readouterr()
    metrics = json.loads(streams.out)
    assert said in streams.err and metrics["mAP"] == metrics["CF1"] == metrics["OF1"] == 100.0


@pytest.mark.parametrize("rule", ["--per-image=0", "--per-image=nan", "--threshold=nan"])
def test_a_rule_that_decides_nothing_is_refused(tmp_path, run, capsys, rule):
    with pytest.raises(SystemExit) as ended:
        run("evaluate", rule, tmp_path / "scores.json", tmp_path / "labels.csv")
    assert ended.value.code == 1 and rule.split("=")[0] in capsys.readouterr().err
