"""Rows of the page's tables, from rows of metrics/."""

import pytest
from tests.conftest import ROOT

from lexiclip.errors import InputError
from lexiclip.params import load_params
from lexiclip.report.page import signed
from lexiclip.report.tables import ablation_rows, class_rows, read_numbers, results_rows


def test_a_class_called_7_stays_text(tmp_path):
    (tmp_path / "a.csv").write_text("class,positives,best\n7,3,50.5\n,4,\n")
    assert read_numbers(tmp_path / "a.csv", "class") == [
        {"class": "7", "positives": 3.0, "best": 50.5},
        {"class": "", "positives": 4.0, "best": None},
    ]


@pytest.mark.parametrize(
    "content", ["", "a,b\n", "a,b\n1,x\n", "b,c\n1,2\n", "a,b\n1,2,3\n", "a,b\n1\xff,2\n"]
)
def test_no_table_of_numbers(tmp_path, content):
    (tmp_path / "a.csv").write_bytes(content.encode("latin-1"))
    with pytest.raises(InputError, match=r"a\.csv: not a table of numbers.*again$"):
        read_numbers(tmp_path / "a.csv", "a")


def test_results_say_what_a_variant_is_and_list_the_rule_in_use_once():
    def row(name, whole):
        return {"variant": name, "mAP_whole": whole, "mAP": 50.0, "CF1": 40.0}

    table = [row("zero_shot", 30.0), row("difft", 40.0), row("ensemble", None), row("ensemble_mean", None),
             row("ensemble_class_advantage", None)]  # fmt: skip
    rows = results_rows(table, load_params(ROOT / "params.yaml").variants, "mean")
    assert [row["name"] for row in rows] == ["zero_shot", "difft", "ensemble", "ensemble_class_advantage"]
    assert [row["note"] for row in rows] == [
        "CLIP as it comes, nothing tuned",
        "16 contexts, evidence, tuned on 27 hard classes",
        "all members, rule “mean”",
        "each class from one of them",
    ]
    assert rows[1] | {"name": "", "note": ""} == {
        "name": "", "note": "", "whole": 40.0, "windows": 50.0, "others": {"CF1": 40.0},
    }  # fmt: skip


def test_classes_best_first_with_their_captions():
    table = [
        {"class": "cat", "positives": 3.0, "zero_shot": 10.0, "best": 0.0, "ensemble": 20.0},
        {"class": "dog", "positives": 4.0, "zero_shot": 15.0, "best": 0.0, "ensemble": 30.0},
    ]
    rows = class_rows(table, {"cat": 7})
    assert [list(row.values()) for row in rows] == [["dog", 4, 0, 15.0, 30.0], ["cat", 3, 7, 10.0, 20.0]]


def test_ablation_as_differences_without_what_is_in_use():
    table = [
        {"change": "as in params.yaml", "best": 50.0, "ensemble": 60.0},
        {"change": "retrieval: on", "best": 50.0, "ensemble": 60.0},
        {"change": "retrieval: off", "best": 50.0, "ensemble": 58.5},
    ]
    start, changes = ablation_rows(table)
    assert start == {"best": 50.0, "ensemble": 60.0}
    assert changes == [("retrieval: off", {"best": 0.0, "ensemble": -1.5})]


def test_numbers_as_text():
    assert [signed(value) for value in (1.44, -0.26, 0.04, -0.04)] == ["+1.4", "−0.3", "0", "0"]
