"""The benches at a size of seconds: their code runs and gives figures."""

import json

import open_clip
import operations
import pytest
import scoring
import store
import torch
import training
import yaml
from PIL import Image
from tests.clones import committed_params
from tests.conftest import ROOT
from tests.tiny import tiny_config


@pytest.fixture
def tiny(monkeypatch):
    """A CLIP that takes no time, in the place of those that the benches build."""
    torch.manual_seed(0)
    clip = open_clip.CLIP(**tiny_config()).eval().requires_grad_(False)
    monkeypatch.setattr(training, "build_clip", lambda *_: clip)
    monkeypatch.setattr(training, "rn50_text_tower", lambda: clip)
    monkeypatch.setattr(store.open_clip, "CLIP", lambda **_: clip)


def test_training(tiny, monkeypatch, tmp_path, capsys):
    words = "src/lexiclip/vocabularies/coco80.yaml"
    (tmp_path / words).parent.mkdir(parents=True)
    (tmp_path / words).write_text((ROOT / words).read_text())
    params = committed_params()
    params["train"]["batch_size"] = 8
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params))
    (tmp_path / "data/mixes").mkdir(parents=True)
    rows = [{"text": f"a dog and number {i % 30}", "labels": ["dog"], "source": "multi"} for i in range(40)]
    (tmp_path / "data/mixes/best.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(training, "RN50_BATCH", 16)
    monkeypatch.setattr(training, "RN50_CAPTIONS", 8)
    figures = training.measure()
    assert len(figures) == 3
    assert all(values["ours"] > 0 and values["reference"] > 0 for values in figures.values())
    assert "mini, reference: 5 steps x" in capsys.readouterr().out


def test_store(tiny, monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(store, "TEXTS", 300)
    (figures,) = store.measure().values()
    assert figures["written"] > 0.02 and "800000 texts on disk" in capsys.readouterr().out


def test_scoring(monkeypatch, tmp_path):
    clip = tmp_path / "tiny.json"
    clip.write_text(json.dumps(tiny_config(vocabulary=64)))
    monkeypatch.setattr(scoring, "CAPTIONS", 200)
    monkeypatch.setattr(scoring, "VARIANTS", {"best": (200, True), "ema": (100, False)})
    Image.new("RGB", (60, 40), "red").save(tmp_path / "photo.png")
    scored, fused = scoring.compare("tiny", str(clip), [tmp_path / "photo.png"]).values()
    assert scored["reference"] == fused["reference"] > 0 and fused["ours"] > 0


@pytest.mark.slow
def test_operations(monkeypatch):
    monkeypatch.chdir(ROOT)
    texts, views, compared, *tuning = operations.operations("RN50", images=10, texts=2048)
    assert len(tuning) == 6 and tuning[0]["times"] == 2 * 5
    assert texts["times"] == 2048 and views["times"] == compared["times"] == 10 * 305
    assert compared["Gflop"] == pytest.approx(2 * 1024 * 2048 / 1e9, abs=0.01)
    # A layer of width d is 12 d² weights, and each is used in a multiplication and an addition.
    assert texts["Gflop"] == pytest.approx(15 * 12 * 12 * 512**2 * 2 / 1e9, rel=0.05)
