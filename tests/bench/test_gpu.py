"""The bench of a GPU at a size of seconds, with a tiny CLIP: every figure is there, on a CPU too."""

import json
import sys

import gpu
import pytest
import torch
from tests.tiny import tiny_config

from lexiclip.errors import InputError


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    path = tmp_path / "tiny.json"
    path.write_text(json.dumps(tiny_config()))
    monkeypatch.setattr(gpu, "TOY", gpu.TOY._replace(model=str(path)))


def no_compiler(*_):
    raise RuntimeError("no compiler here")


def test_toy_size(tiny, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(torch, "compile", lambda *_, **__: no_compiler)  # it takes longer than all the rest
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["gpu.py", "--toy", "out.json"])
    gpu.main()
    assert not (tmp_path / "metrics").exists()
    figures = json.loads((tmp_path / "out.json").read_text())
    assert figures["torch"] == torch.__version__ and figures["captions"] == 20_000
    assert [(row["batch"], row["workers"]) for row in figures["passes"]] == [(4, 1), (8, 1), (4, 2)]
    assert [row["tower"] for row in figures["towers"]] == ["as it is", "as it is", "cudnn.benchmark"]
    assert all(row["views/s"] > 0 for row in figures["passes"] + figures["towers"])
    assert {row["step"] for row in figures["steps"]} > {"decode", "crop", "encode", "score", "write"}
    assert figures["tuning"]["texts a step"] == 4 and figures["tuning"]["texts encoded a second"] > 0
    assert "torch.compile: RuntimeError: no compiler here\n" in capsys.readouterr().out


def test_without_a_gpu_it_says_what_to_do(monkeypatch):
    monkeypatch.setattr(gpu, "best_device", lambda: "cpu")
    monkeypatch.setattr(sys, "argv", ["gpu.py"])
    with pytest.raises(InputError, match="no GPU here: give `--toy FILE` for a run of seconds on the CPU"):
        gpu.main()
