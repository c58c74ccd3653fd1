"""The whole study from the shared datasets; what a changed param re-runs is in tests/test_readme.py."""

import json
import re
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

# What nobody should have to make again: hours of a language model's time and of pretraining.
SHARED = ("compose", "write", "filter", "clip")


def test_metrics_of_every_variant_and_a_clean_status(study):
    metrics = json.loads((study.root / "metrics/metrics.json").read_text())
    params = yaml.safe_load((study.root / "params.yaml").read_text())
    for variant in params["variants"]:
        assert 0 < metrics[variant]["whole"]["mAP"] < 100
        assert 0 < metrics[variant]["windows"]["mAP"] < 100
    assert 0 < metrics["zero_shot"]["whole"]["mAP"] < 100 and 0 < metrics["ensemble"]["mAP"] < 100
    scores = json.loads((study.root / "data/impreds.json").read_text())
    assert len(scores) == 12
    status = study.run("dvc", "status", "dvc.yaml")
    assert "up to date" in status.stdout, status.stdout


def test_a_development_world(study):
    """A pipeline of its own, after the study's."""
    (study.root / "development/worlds.yaml").write_text(
        "worlds: {few: {count: 8, seed: 9, objects: [1, 2]}}\n"
    )
    reproduced = study.run("dvc", "repro", "development/dvc.yaml")
    assert reproduced.returncode == 0, reproduced.stdout[-2000:] + reproduced.stderr[-2000:]
    assert re.findall("Running stage '([^']+)'", reproduced.stdout) == [
        "development/dvc.yaml:development@few"
    ]
    found = json.loads((study.root / "metrics/development/few.json").read_text())
    assert 1 <= found["labels of a scene"] < 3 and 0 < found["mAP, 17 views"]["ours"] < 100
    assert {"ours", "oracle", "ECE"} < set(found["decisions of ours"])
    rows = (study.root / "metrics/development/few.csv").read_text().splitlines()
    assert rows[0].startswith("change,zero_shot") and rows[0].endswith(",ensemble")
    assert "choose from few" in study.run("python", "stages/development.py", "many").stderr


def test_shared_datasets_are_used_as_they_are(study):
    again = study.run("dvc", "repro", "--dry")
    assert not re.findall("Running stage '(" + "|".join(SHARED) + ")", again.stdout)


def test_same_params_same_bytes(study):
    """Stages that are run again end in the hashes of dvc.lock."""
    before = (study.root / "dvc.lock").read_text()
    again = study.run("dvc", "repro", "--force", "--single-item", "train@best", "score")
    assert again.returncode == 0, again.stderr
    assert (study.root / "dvc.lock").read_text() == before


@pytest.fixture
def fails(study):
    """Runs a stage that must end in one line and leave every finished output as it was; gives the line."""

    def fails(*command: str) -> str:
        before = times_of_outputs(study.root)
        failed = study.run("python", *command)
        assert failed.returncode != 0 and "Traceback" not in failed.stderr, failed.stderr
        line = failed.stderr.strip().splitlines()[-1]
        assert line.startswith("error: ")
        assert times_of_outputs(study.root) == before
        return line

    return fails


def times_of_outputs(root: Path) -> dict[Path, int]:
    folders = ("captions", "mixes", "features", "scores", "window_scores")
    made = [root / "models", root / "metrics", *(root / "data" / folder for folder in folders)]
    files = [path for folder in made for path in folder.rglob("*") if path.is_file()]
    return {path: path.stat().st_mtime_ns for path in files if ".partial" not in str(path)}


@contextmanager
def replaced(path: Path, content: bytes):
    """The file with other content for a while; a link into DVC's cache is not written through."""
    kept = path.with_name(path.name + ".partial")
    path.rename(kept)
    path.write_bytes(content)
    yield
    kept.replace(path)


def test_empty_caption_set(study, fails):
    with replaced(study.root / "data/captions/multi.jsonl", b""):
        assert "data/captions/multi.jsonl" in fails("stages/mix.py")


def test_corrupt_image(study, fails):
    path = study.root / "data/scenes/images/000003.png"
    other_windows = study.params(lambda params: params["windows"].update(scales=[3]))
    with replaced(path, path.read_bytes()[:200]), other_windows:
        assert "000003.png" in fails("stages/score.py")


def test_real_photos_by_params_alone(study, shared_files):
    photos = shared_files("photos/coco")[0].resolve()
    of_photos = {"labels": str(photos / "instances.json"), "folder": str(photos / "images"), "limit": 16}
    with study.params(lambda params: params["images"].update(of_photos)):
        reproduced = study.run("dvc", "repro", "evaluate")
        assert reproduced.returncode == 0, reproduced.stdout[-2000:] + reproduced.stderr[-2000:]
        assert len(json.loads((study.root / "data/impreds.json").read_text())) == 16
        assert 0 < json.loads((study.root / "metrics/metrics.json").read_text())["ensemble"]["mAP"] < 100
