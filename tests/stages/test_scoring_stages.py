"""The stages after the pass, run on stored random scores of a small vocabulary in a folder of their own."""

import csv
import json
import runpy
import shutil

import numpy as np
import pytest
import yaml
from tests.clones import committed_params
from tests.conftest import ROOT

from lexiclip.evaluation.scores_file import write_scores
from lexiclip.files import read_json, write_json, write_jsonl
from lexiclip.params import BASELINES, PROTOTYPES
from lexiclip.scoring.lift import write_lift
from lexiclip.scoring.window_store import shard_path, write_shard

NAMES, IDS = ["cat", "dog", "cow", "emu"], [f"{i:03d}" for i in range(30)]


@pytest.fixture
def study(tmp_path, monkeypatch):
    """A folder with everything that the ensemble reads, and the labels."""
    params = committed_params()
    params["vocabulary"] = {"file": "words.yaml", "without": []}
    params["images"] = {"labels": "instances.json", "folder": "images", "limit": None}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params))
    (tmp_path / "words.yaml").write_text("classes: {cat: [], dog: [], cow: [], emu: []}\n")
    variants = [*BASELINES, *params["variants"], PROTOTYPES]
    rng = np.random.default_rng(0)
    labels = (rng.random((30, 4)) < 0.4).astype(np.int8)
    labels[:, 3] = 0  # no image shows an emu
    settings = {"names": NAMES, "variants": variants, "scales": [2, 3], "shapes": ["square"]}
    write_json(tmp_path / "data/window_scores/index.json", {**settings, "shards": [IDS]})
    tensors = {}
    for variant in variants:
        for field in ("global", "local"):
            noise = rng.normal(0, 1, (30, 53, 4))
            tensors[f"{variant}.{field}"] = (labels[:, None] + noise).astype(np.float16)
    write_shard(shard_path(tmp_path / "data/window_scores", 0), tensors, {**settings, "ids": IDS})
    np.savez(tmp_path / "data/cooccurrence.npz", names=np.array(NAMES), matrix=np.ones((4, 4)) - np.eye(4))
    write_scores(tmp_path / "data/ceiling.npz", IDS, NAMES, labels + 0.1, whole=labels - rng.random((30, 4)))
    write_lift(tmp_path / "models/lift.npz", 0.1 * (np.ones((4, 4)) - np.eye(4)), NAMES)
    for variant in variants:
        write_json(
            tmp_path / f"metrics/captions_ap/{variant}.json", {"per_class": {"cat": float(rng.random())}}
        )
    write_json(
        tmp_path / "data/captions/class_sets.json", {"names": NAMES, "sets": [["cat"], ["cat", "dog"]]}
    )
    write_jsonl(
        tmp_path / "data/captions/multi.jsonl", [{"text": "A cat.", "labels": ["cat"], "source": "multi"}]
    )
    (tmp_path / "images").mkdir()
    for image_id in IDS:
        (tmp_path / f"images/{image_id}.jpg").touch()
    write_json(tmp_path / "instances.json", {
        "images": [{"id": i, "file_name": f"{image_id}.jpg"} for i, image_id in enumerate(IDS)],
        "categories": [{"id": k, "name": name} for k, name in enumerate(NAMES)],
        "annotations": [{"image_id": int(i), "category_id": int(k)} for i, k in np.argwhere(labels)],
    })  # fmt: skip
    monkeypatch.chdir(tmp_path)
    return tmp_path


def stage(name):
    runpy.run_path(str(ROOT / f"stages/{name}.py"))


def test_ensemble_then_evaluate(study, capsys):
    stage("ensemble")
    impreds = np.array(json.loads((study / "data/impreds.json").read_text()))
    with np.load("data/scores/ensemble.npz") as joined:
        assert joined["ids"].tolist() == IDS
        np.testing.assert_allclose(impreds, joined["scores"], atol=1e-5)
        np.testing.assert_array_equal(joined["scores"], joined["ours"])
        assert not np.array_equal(joined["ours"], joined["class_advantage"])
        assert not np.array_equal(joined["ours"], joined["mean"])
    assert read_json("models/decisions.json")["labels_per_image"] == 1.5
    stage("evaluate")
    metrics = json.loads((study / "metrics/metrics.json").read_text())
    assert metrics["ensemble"] == metrics["ensemble_ours"]
    best = metrics["best"]
    assert metrics["ensemble_mean"]["mAP"] > best["windows"]["mAP"] > best["whole"]["mAP"] > 0
    assert metrics["evaluated"] == {"images": 30, "classes": 3, "left_out": 1}
    assert {"mAP", "CF1", "OF1", "CF1_top3", "OF1_top3", "ECE"} == set(metrics["ensemble_class_advantage"])
    rows = list(csv.DictReader((study / "metrics/per_class_ap.csv").open()))
    assert [row["class"] for row in rows] == ["cat", "dog", "cow"] and int(rows[0]["positives"]) > 0
    printed = capsys.readouterr().out
    assert "left out, shown by no image: emu" in printed and "ensemble_class_advantage" in printed


def test_ablation_changes_one_thing_at_a_time(study):
    stage("ensemble")
    stage("evaluate")
    rows = {row["change"]: row for row in csv.DictReader((study / "metrics/ablation.csv").open())}
    metrics = json.loads((study / "metrics/metrics.json").read_text())
    as_it_is = rows["as in params.yaml"]
    assert float(as_it_is["ensemble"]) == pytest.approx(metrics["ensemble"]["mAP"], abs=0.006)
    assert float(as_it_is["best"]) == pytest.approx(metrics["best"]["windows"]["mAP"], abs=0.006)
    assert float(rows["windows: none"]["best"]) == pytest.approx(metrics["best"]["whole"]["mAP"], abs=0.006)
    advantage = rows["ensemble: class_advantage"]
    assert float(advantage["ensemble"]) == pytest.approx(
        metrics["ensemble_class_advantage"]["mAP"], abs=0.006
    )
    assert {"windows: scale 2", "fusion: plain", "retrieval: off", "co-occurrence: 0.5"} < set(rows)
    assert rows["windows: scale 2"]["best"] != rows["windows: scale 3"]["best"] != as_it_is["best"]
    assert rows["retrieval: on"] == as_it_is | {"change": "retrieval: on"}  # none was stored


def test_scores_of_other_classes_end_in_one_line(study, capsys):
    (study / "words.yaml").write_text("classes: {cat: [], dog: []}\n")
    with pytest.raises(SystemExit):
        stage("ensemble")
    error = capsys.readouterr().err
    assert "scores of 4 classes, the vocabulary has 2" in error and error.count("\n") == 1


def test_a_listed_choice_and_labels_of_images_not_scored(study, capsys):
    params = yaml.safe_load((study / "params.yaml").read_text())
    params["ensemble"] = {
        "variants": ["zero_shot", "best"],
        "rule": "class_advantage",
        "choice": "choice.json",
    }
    (study / "params.yaml").write_text(yaml.safe_dump(params))
    write_json(study / "choice.json", {"zero_shot": ["cat", "emu"], "best": ["dog", "cow"]})
    stage("ensemble")
    with np.load("data/scores/ensemble.npz") as joined:
        np.testing.assert_array_equal(joined["scores"], joined["class_advantage"])
    shutil.copy(study / "images/000.jpg", study / "images/new.jpg")
    instances = json.loads((study / "instances.json").read_text())
    instances["images"].append({"id": 99, "file_name": "new.jpg"})
    write_json(study / "instances.json", instances)
    with pytest.raises(SystemExit):
        stage("evaluate")
    assert "1 labelled images have no scores, the first is new" in capsys.readouterr().err
