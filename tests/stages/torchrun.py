"""Two processes of one stage, started as README says to start eight."""

import subprocess
import sys

from tests.conftest import ROOT


def torchrun(stage: str, *arguments: str) -> str:
    """What both print; the working folder is the study's."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    done = subprocess.run(
        [*command, str(ROOT / "stages" / stage), *arguments], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout
