"""Stages run in this process, and by two as README says to start eight; the working folder is the study's."""

import runpy
import subprocess
import sys

import pytest
from tests.conftest import ROOT


def run_stage(name: str, *arguments: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
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
