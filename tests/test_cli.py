"""The command line from outside: what it prints, in which order, and how it fails."""

import json

import pytest


def test_label_prints_one_line_a_caption_in_order(tmp_path, lexiclip):
    path = tmp_path / "captions.txt"
    path.write_text("A hot dog.\n\nTwo men and a caf\u00e9 table\r\nA dog", encoding="utf-8")
    rows = [json.loads(line) for line in lexiclip("label", path).out.splitlines()]
    assert rows == [
        {"caption": "A hot dog.", "labels": ["hot dog"]},
        {"caption": "", "labels": []},
        {"caption": "Two men and a caf\u00e9 table", "labels": ["person"]},
        {"caption": "A dog", "labels": ["dog"]},
    ]


def test_label_reads_a_table_by_another_vocabulary(tmp_path, lexiclip):
    captions, words = tmp_path / "captions.csv", tmp_path / "words.yaml"
    captions.write_text('image,caption\na.png,"A couch, a tram"\n')
    words.write_text("classes: {tram: [streetcar]}\n")
    for vocabulary, labels in (("voc20", ["sofa", "train"]), (words, ["tram"])):
        row = json.loads(lexiclip("label", captions, "--vocabulary", vocabulary).out)
        assert row == {"caption": "A couch, a tram", "labels": labels}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["label", "absent.txt"], "absent.txt"),
        (["label", __file__, "--vocabulary", "coco"], "choose coco80, nus81, voc20"),
        (["evaluate", "--per-image=0", "scores.json", "labels.csv"], "--per-image"),
        (["evaluate", "--per-image=nan", "scores.json", "labels.csv"], "--per-image"),
        (["evaluate", "--per-image=inf", "scores.json", "labels.csv"], "--per-image"),
        (["evaluate", "--threshold=nan", "scores.json", "labels.csv"], "--threshold"),
    ],
)
def test_bad_input_ends_in_one_line_and_exit_code_1(lexiclip, capsys, arguments, said):
    with pytest.raises(SystemExit) as ended:
        lexiclip(*arguments)
    streams = capsys.readouterr()
    assert ended.value.code == 1 and not streams.out
    assert said in streams.err and streams.err.count("\n") == 1


@pytest.mark.parametrize(
    ("rule", "said"), [("--per-image=1", "1 an image on average"), ("--threshold=0.5", "of at least 0.5")]
)
def test_evaluate_says_by_which_rule_it_decides(tmp_path, lexiclip, rule, said):
    scores, labels = tmp_path / "scores.json", tmp_path / "labels.csv"
    scores.write_text('{"ids": ["a", "b"], "names": ["dog", "cat"], "scores": [[0.9, 0.1], [0.2, 0.8]]}')
    labels.write_text("image,labels\na.jpg,dog\nb.jpg,cat\n")
    streams = lexiclip("evaluate", rule, scores, labels)
    metrics = json.loads(streams.out)
    assert said in streams.err and metrics["mAP"] == metrics["CF1"] == metrics["OF1"] == 100.0
