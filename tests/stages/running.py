"""Stages run in this process, and by two as README says to start eight; the working folder is the study's."""

import runpy
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest
from tests.clones import committed_params
from tests.conftest import ROOT

from lexiclip.files import write_json


def write_study(names: Iterable[str], folder: Path = Path(), **blocks: object) -> dict:
    """Write params.yaml and words.yaml, a vocabulary of `names`, which may have words; returns the params.

    They are those of the last commit but for what is given of `blocks`, and for `variants` as a whole.
    """
    params = committed_params()
    blocks.setdefault("images", {"labels": "instances.json", "folder": "images", "limit": None})
    for key, block in {"vocabulary": {"file": "words.yaml", "without": []}, **blocks}.items():
        within = isinstance(block, dict) and key != "variants"
        params[key] = params[key] | block if within else block
    write_json(folder / "params.yaml", params)  # JSON is YAML
    classes = names if isinstance(names, dict) else dict.fromkeys(names)
    write_json(folder / "words.yaml", {"classes": classes})
    return params


def run_stage(name: str, *arguments: str, folder: Path = Path()) -> None:
    """Run a stage as DVC does, in `folder`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(sys, "argv", [f"{name}.py", *arguments])
        runpy.run_path(str(ROOT / f"stages/{name}.py"))


def refused_stage(name: str, *arguments: str) -> None:
    """Run a stage that must end in exit code 1."""
    with pytest.raises(SystemExit) as ended:
        run_stage(name, *arguments)
    assert ended.value.code == 1


def torchrun(stage: str, *arguments: str) -> str:
    """What both processes print."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    script = str(ROOT / "stages" / stage)
    done = subprocess.run([*command, script, *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout
