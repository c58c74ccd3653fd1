"""The whole study from the shared datasets, and what a changed param re-runs."""

import json
import re
from pathlib import Path

import pytest
import yaml
from tests.pipeline.conftest import Study

# What nobody should have to make again: hours of a language model's time and of pretraining.
SHARED = ("compose", "write", "filter", "pretrain")


def stages_to_run(study: Study, change) -> set[str]:
    """The stages, without their matrix item, that `dvc repro` would run after a change of params."""
    before = (study.root / "params.yaml").read_text()
    study.change_params(change)
    try:
        dry = study.run("dvc", "repro", "--dry")
    finally:
        (study.root / "params.yaml").write_text(before)
    assert dry.returncode == 0, dry.stderr
    return set(re.findall(r"Running stage '([^']+)'", dry.stdout))


def test_metrics_of_every_variant_and_a_clean_status(study):
    metrics = json.loads((study.root / "metrics/metrics.json").read_text())
    params = yaml.safe_load((study.root / "params.yaml").read_text())
    for variant in params["variants"]:
        assert 0 < metrics[variant]["whole"]["mAP"] < 100
        assert 0 < metrics[variant]["windows"]["mAP"] < 100
    assert 0 < metrics["zero_shot"]["mAP"] < 100 and 0 < metrics["ensemble"]["mAP"] < 100
    scores = json.loads((study.root / "data/impreds.json").read_text())
    assert len(scores) == 12
    status = study.run("dvc", "status")
    assert "up to date" in status.stdout, status.stdout


def test_shared_datasets_are_used_as_they_are(study):
    again = study.run("dvc", "repro", "--dry")
    assert not re.findall("Running stage '(" + "|".join(SHARED) + ")", again.stdout)


def test_ema_decay_runs_ema_variants_and_what_follows(study):
    ran = stages_to_run(study, lambda params: params["train"].update(ema_decay=0.9))
    trained = {stage for stage in ran if stage.startswith("train")}
    assert trained and all(stage.startswith("train_ema@") for stage in trained)
    assert {"score", "ensemble", "evaluate"} <= ran
    assert not {stage for stage in ran if stage.split("@")[0] in {*SHARED, "mix", "encode_texts", "scenes"}}


def test_window_scales_train_nothing(study):
    ran = stages_to_run(study, lambda params: params["windows"].update(scales=[3]))
    assert "score" in ran and not {stage for stage in ran if stage.startswith(("train", "mix", "encode"))}


def test_fusion_is_redone_from_stored_scores(study):
    ran = stages_to_run(study, lambda params: params["fusion"].update(window_weight=1.0))
    assert "ensemble" in ran and "score" not in ran


def test_same_params_same_bytes(study):
    """`dvc repro` of stages whose outputs are gone ends in the hashes of dvc.lock."""
    before = (study.root / "dvc.lock").read_text()
    for stage in ("encode_texts", "score", "evaluate"):
        again = study.run("dvc", "repro", "--force", "--single-item", stage)
        assert again.returncode == 0, again.stderr
    assert (study.root / "dvc.lock").read_text() == before


def test_real_photos_by_params_alone(study, shared):
    before = (study.root / "params.yaml").read_text()
    photos = (shared / "photos/coco").resolve()

    def look_at_photos(params: dict) -> None:
        params["images"].update(
            labels=str(photos / "instances.json"), folder=str(photos / "images"), limit=16
        )

    study.change_params(look_at_photos)
    reproduced = study.run("dvc", "repro")
    (study.root / "params.yaml").write_text(before)
    assert reproduced.returncode == 0, reproduced.stdout[-2000:] + reproduced.stderr[-2000:]
    assert len(json.loads((study.root / "data/impreds.json").read_text())) == 16
    assert 0 < json.loads((study.root / "metrics/metrics.json").read_text())["ensemble"]["mAP"] < 100
    study.run("dvc", "repro")


@pytest.fixture
def fails(study):
    """Runs a command that must fail with one line and leave every output as it was."""

    def fails(*command: str) -> str:
        before = {path: path.stat().st_mtime_ns for path in outputs(study.root)}
        failed = study.run(*command)
        assert failed.returncode != 0
        assert failed.stderr.strip().splitlines()[-1].startswith("error: "), failed.stderr
        assert "Traceback" not in failed.stderr
        assert {path: path.stat().st_mtime_ns for path in outputs(study.root)} == before
        return failed.stderr.strip().splitlines()[-1]

    return fails


def outputs(root: Path) -> list[Path]:
    folders = ("data/captions", "data/mixes", "data/features", "data/scores", "models", "metrics")
    return [path for folder in folders for path in sorted((root / folder).rglob("*")) if path.is_file()]


def test_misspelt_param(study, fails):
    before = (study.root / "params.yaml").read_text()
    study.change_params(lambda params: params["train"].update(ema_decy=0.9))
    line = fails("python", "stages/ensemble.py")
    (study.root / "params.yaml").write_text(before)
    assert "params.yaml" in line and "train.ema_decy" in line


def test_unknown_class(study, fails):
    before = (study.root / "params.yaml").read_text()
    study.change_params(lambda params: params["vocabulary"]["without"].append("zebar"))
    line = fails("python", "stages/cooccurrence.py")
    (study.root / "params.yaml").write_text(before)
    assert "zebar" in line and "zebra" in line


def test_empty_caption_set(study, fails):
    path = study.root / "data/captions/multi.answers.jsonl"
    kept = path.read_bytes()
    path.unlink()  # a link into the cache must not be written through
    path.write_text("")
    line = fails("python", "stages/filter.py", "multi")
    path.write_bytes(kept)
    assert "multi" in line


def test_truncated_weights(study, fails):
    path = study.root / "models/clip/mini.safetensors"
    kept = path.read_bytes()
    path.unlink()
    path.write_bytes(kept[: len(kept) // 2])
    line = fails("python", "stages/encode_texts.py")
    path.unlink()
    path.write_bytes(kept)
    assert "models/clip/mini.safetensors" in line


def test_corrupt_image(study, fails):
    path = study.root / "data/scenes/images/000003.png"
    kept = path.read_bytes()
    path.write_bytes(kept[:200])
    # Its scores are in a finished shard; only new settings have the image read again.
    before = (study.root / "params.yaml").read_text()
    study.change_params(lambda params: params["windows"].update(scales=[3]))
    failed = study.run("python", "stages/score.py")
    (study.root / "params.yaml").write_text(before)
    path.write_bytes(kept)
    assert failed.returncode != 0 and "000003.png" in failed.stderr.splitlines()[-1]
    assert study.run("dvc", "repro").returncode == 0
