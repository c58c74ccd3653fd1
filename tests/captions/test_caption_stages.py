"""The caption stages as DVC runs them, from class sets to labelled captions, against a server on loopback."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.clones import committed_params
from tests.conftest import ROOT
from tests.stages.running import run_stage, write_study

from lexiclip.files import read_json, read_jsonl, write_json

WORDS = {"dog": ["puppy"], "cat": None, "cup": None, "car": None}


def reply(body):
    """A chat model that knows METHOD §7: lists two combinations, writes, and dislikes captions of cups."""
    asked = body["messages"][0]["content"]
    if "category combinations" in asked:
        answer = "1. dog and cat\n2. cup and car\n3. dog"
    elif "please generate" in asked:
        names = re.search(r"images where (.*) MUST", asked)[1].split(" and ")
        answer = f"Sure, here are some:\n1. A {' and a '.join(names)} in picture {body['seed']}.\n2. A tree."
    elif "Provided caption" in asked:
        answer = "False, it is dull." if "cup" in asked.split("Provided caption")[1] else "True"
    else:
        answer = "False" if "cup" in asked else "True"
    return 200, {"choices": [{"index": 0, "message": {"role": "assistant", "content": answer}}]}


@pytest.fixture
def study(tmp_path, monkeypatch, serve):
    """study(stage, *arguments, block=changes of its params) runs a stage in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(ROOT / "data/instructions", "data/instructions")
    asks = {"asks_per_set": 2, "asks_per_class": 1}
    params = write_study(
        WORDS,
        language_model={"server": {"url": serve(reply), "in_flight": 4, "retries": 0, "deadline": 30}},
        compose={"by": "answers", "questions": 3, "challenge_classes": ["dog", "car"]},
        write={"instructions": "data/instructions/reference.yaml"},
        captions={name: of_set | asks for name, of_set in committed_params()["captions"].items()},
    )

    def run(stage, *arguments, **changes):
        for block, values in changes.items():
            params[block] |= values
        write_json("params.yaml", params)
        run_stage(stage, *arguments)

    return run


def test_from_combinations_to_labelled_captions(study, capsys):
    study("compose")
    class_sets = read_json("data/captions/class_sets.json")
    assert class_sets == {"names": ["dog", "cat", "cup", "car"], "sets": [["dog", "cat"], ["cup", "car"]]}
    for caption_set, asked in {"multi": 8, "challenge": 6}.items():
        study("write", caption_set)
        assert len(read_jsonl(f"data/captions/{caption_set}.answers.jsonl")) == asked
    capsys.readouterr()
    study("filter", "multi")
    rules = "cjk 0, control 0, short 0, long 0, no_class 8, asked_class_missing 0, duplicate 0"
    assert f"dropped by rule: {rules}\n8 of 16 captions" in capsys.readouterr().out
    assert Path("data/captions/multi.verdicts.jsonl").read_text() == "\n"
    metrics = read_json("metrics/captions/multi.json")
    assert (metrics["asked"], metrics["answered"], metrics["parsed"], metrics["kept"]) == (8, 8, 16, 8)
    assert metrics["per_class"] == {"dog": 3, "cat": 3, "cup": 3, "car": 3}
    table = Path("metrics/captions/multi.csv").read_text().split()
    assert table == ["class,captions", "dog,3", "cat,3", "cup,3", "car,3"]
    assert set(read_jsonl("data/captions/multi.jsonl")[0]) == {"text", "labels", "source"}


def test_a_set_that_is_asked_for_nothing_is_empty(study):
    study("compose")
    nothing = {"asks_per_set": 0, "asks_per_class": 0, "challenge_only": False, "seed": 4000000}
    study("write", "world", captions={"world": nothing})  # as in profiles/coco.yaml
    study("filter", "world", judge={"judges": ["filter"]})
    assert read_jsonl("data/captions/world.jsonl") == []


def test_judges_and_the_scene_are_switches(study):
    study("compose", compose={"share_scene": True})
    assert read_json("data/captions/class_sets.json")["sets"] == [["dog", "cat"]]
    study("write", "multi")
    study("filter", "multi", judge={"judges": ["filter", "check"]})
    verdicts = read_jsonl("data/captions/multi.verdicts.jsonl")
    assert [row["judge"] for row in verdicts] == ["filter"] * 6 + ["check"] * 6
    metrics = read_json("metrics/captions/multi.json")
    left = metrics["left_after"]
    assert left["duplicate"] == 6 and left["judge_filter"] == left["judge_check"] == metrics["kept"] == 5
    assert metrics["per_class"]["cup"] == 0 and len(read_jsonl("data/captions/multi.jsonl")) == 5


def test_human_captions_are_imported_and_no_caption_left_is_an_error(study, capsys):
    Path("mine.csv").write_text("image,caption\n1,A puppy and a cat .\n2,A puppy and a cat .\n3,Nothing .\n")
    study("wild", wild={"file": "mine.csv"})
    study("filter", "wild")
    assert read_jsonl("data/captions/wild.jsonl") == [
        {"text": "A puppy and a cat .", "labels": ["dog", "cat"], "source": "wild"}
    ]
    Path("mine.txt").write_text("Nothing here\n")
    study("wild", wild={"file": "mine.txt"})
    with pytest.raises(SystemExit):
        study("filter", "wild")
    assert (
        "caption set 'wild': no caption of 1 answers is left; dropped by rule: cjk 0"
        in capsys.readouterr().err
    )


def test_likelihoods_are_not_asked_of_a_server(study, capsys):
    with pytest.raises(SystemExit):
        study("compose", compose={"by": "likelihood"})
    assert "a server gives no likelihoods" in capsys.readouterr().err


def test_writing_and_filtering_import_no_pytorch_where_no_local_model_is_asked(study):
    study("compose")
    code = "import runpy, sys; [runpy.run_path(p) for p in sys.argv[2:]]; assert 'torch' not in sys.modules"
    scripts = [str(ROOT / f"stages/{stage}.py") for stage in ("write", "filter")]
    subprocess.run([sys.executable, "-c", code, "multi", *scripts], check=True)
    assert read_json("metrics/captions/multi.json")["kept"] == 8


def test_challenge_classes_outside_the_vocabulary_are_refused(study, capsys):
    with pytest.raises(SystemExit):
        study("compose", compose={"challenge_classes": ["dog", "carr"]})
    said = "error: compose.challenge_classes: the vocabulary has no class 'carr' (did you mean 'car'?)\n"
    assert capsys.readouterr().err.endswith(said)
