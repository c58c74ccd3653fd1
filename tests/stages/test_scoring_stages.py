"""The stages after the pass, run on stored random scores of a small vocabulary in a folder of their own."""

import csv
import shutil
from pathlib import Path

import numpy as np
import pytest
from tests.coco import instances
from tests.stages.running import refused_stage, run_stage, write_study

from lexiclip.evaluation.study_scores import write_scores
from lexiclip.files import read_json, write_json, write_jsonl
from lexiclip.params import BASELINES, PROTOTYPES
from lexiclip.scoring.lift import write_lift
from lexiclip.scoring.window_store import shard_path, write_shard

NAMES, IDS = ["cat", "dog", "cow", "emu"], [f"{i:03d}" for i in range(30)]


@pytest.fixture
def study(tmp_path, monkeypatch):
    """A folder with everything that the ensemble reads, and the labels."""
    monkeypatch.chdir(tmp_path)
    params = write_study(NAMES)
    variants = [*BASELINES, *params["variants"], PROTOTYPES]
    rng = np.random.default_rng(0)
    labels = (rng.random((30, 4)) < 0.4).astype(np.int8)
    labels[:, 3] = 0  # no image shows an emu
    settings = {"names": NAMES, "variants": variants, "scales": [2, 3], "shapes": ["square"]}
    write_json("data/window_scores/index.json", {**settings, "shards": [IDS]})
    tensors = {}
    for variant in variants:
        for field in ("global", "local"):
            noise = rng.normal(0, 1, (30, 53, 4))
            tensors[f"{variant}.{field}"] = (labels[:, None] + noise).astype(np.float16)
    write_shard(shard_path(Path("data/window_scores"), 0), tensors, {**settings, "ids": IDS})
    others = np.ones((4, 4)) - np.eye(4)
    np.savez("data/cooccurrence.npz", names=np.array(NAMES), matrix=others)
    write_scores("data/ceiling.npz", IDS, NAMES, labels + 0.1, whole=labels - rng.random((30, 4)))
    write_lift("models/lift.npz", 0.1 * others, NAMES)
    for variant in variants:
        per_class = {"cat": float(rng.random())}
        write_json(f"metrics/captions_ap/{variant}.json", {"per_class": per_class})
    write_json("data/captions/class_sets.json", {"names": NAMES, "sets": [["cat"], ["cat", "dog"]]})
    write_jsonl("data/captions/multi.jsonl", [{"text": "A cat.", "labels": ["cat"], "source": "multi"}])
    Path("images").mkdir()
    files = [f"{image_id}.jpg" for image_id in IDS]
    for file in files:
        Path("images", file).touch()
    write_json("instances.json", instances(files, NAMES, np.argwhere(labels).tolist()))
    return params


def test_ensemble_then_evaluate(study, capsys):
    run_stage("ensemble")
    impreds = np.array(read_json("data/impreds.json"))
    with np.load("data/scores/ensemble.npz") as joined:
        assert joined["ids"].tolist() == IDS
        np.testing.assert_allclose(impreds, joined["scores"], atol=1e-5)
        np.testing.assert_array_equal(joined["scores"], joined["ours"])
        assert not np.array_equal(joined["ours"], joined["class_advantage"])
        assert not np.array_equal(joined["ours"], joined["mean"])
    assert read_json("models/decisions.json")["labels_per_image"] == 1.5
    run_stage("evaluate")
    metrics = read_json("metrics/metrics.json")
    assert metrics["ensemble"] == metrics["ensemble_ours"]
    best = metrics["best"]
    assert metrics["ensemble_mean"]["mAP"] > best["windows"]["mAP"] > best["whole"]["mAP"] > 0
    assert metrics["evaluated"] == {"images": 30, "classes": 3, "left_out": 1}
    assert {"mAP", "CF1", "OF1", "CF1_top3", "OF1_top3", "ECE"} == set(metrics["ensemble_class_advantage"])
    rows = list(csv.DictReader(Path("metrics/per_class_ap.csv").read_text().splitlines()))
    assert [row["class"] for row in rows] == ["cat", "dog", "cow"] and int(rows[0]["positives"]) > 0
    printed = capsys.readouterr().out
    assert "left out, shown by no image: emu" in printed and "ensemble_class_advantage" in printed


def test_ablation_changes_one_thing_at_a_time(study):
    run_stage("ensemble")
    run_stage("evaluate")
    rows = {
        row["change"]: row for row in csv.DictReader(Path("metrics/ablation.csv").read_text().splitlines())
    }
    metrics = read_json("metrics/metrics.json")
    as_it_is = rows["as in params.yaml"]
    for change, column, measured in [
        ("as in params.yaml", "ensemble", metrics["ensemble"]),
        ("as in params.yaml", "best", metrics["best"]["windows"]),
        ("windows: none", "best", metrics["best"]["whole"]),
        ("ensemble: class_advantage", "ensemble", metrics["ensemble_class_advantage"]),
    ]:
        assert float(rows[change][column]) == pytest.approx(measured["mAP"], abs=0.006)
    assert {"windows: scale 2", "fusion: plain", "retrieval: off", "co-occurrence: 0.5"} < set(rows)
    assert rows["windows: scale 2"]["best"] != rows["windows: scale 3"]["best"] != as_it_is["best"]
    assert rows["retrieval: on"] == as_it_is | {"change": "retrieval: on"}  # none was stored


def test_scores_of_other_classes_end_in_one_line(study, capsys):
    write_json("words.yaml", {"classes": {"cat": [], "dog": []}})
    refused_stage("ensemble")
    error = capsys.readouterr().err
    assert "scores of 4 classes, the vocabulary has 2" in error and error.count("\n") == 1


def test_a_listed_choice_and_labels_of_images_not_scored(study, capsys):
    ensemble = {"variants": ["zero_shot", "best"], "rule": "class_advantage", "choice": "choice.json"}
    write_json("params.yaml", study | {"ensemble": ensemble})
    write_json("choice.json", {"zero_shot": ["cat", "emu"], "best": ["dog", "cow"]})
    run_stage("ensemble")
    with np.load("data/scores/ensemble.npz") as joined:
        np.testing.assert_array_equal(joined["scores"], joined["class_advantage"])
    shutil.copy("images/000.jpg", "images/new.jpg")
    labels = read_json("instances.json")
    labels["images"].append({"id": 99, "file_name": "new.jpg"})
    write_json("instances.json", labels)
    refused_stage("evaluate")
    assert "1 labelled images have no scores, the first is new" in capsys.readouterr().err
