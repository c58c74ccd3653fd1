"""A git repository of the working tree, for tests that run git, DVC or README's commands."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.conftest import ROOT

AUTHOR = {f"GIT_{role}_{key}": "test" for role in ("AUTHOR", "COMMITTER") for key in ("NAME", "EMAIL")}


def run(root: Path, command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A shell command in `root`, the environment's own programs first; what it said is in stdout."""
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    apart = {"PATH": programs, "DVC_NO_ANALYTICS": "1", "DVC_SITE_CACHE_DIR": str(root / ".dvc/tmp/site")}
    return subprocess.run(
        ["bash", "-c", command],
        cwd=root,
        env={**os.environ, **AUTHOR, **apart, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def succeed(root: Path, command: str, **environment: str) -> str:
    """What a command says that must not fail."""
    done = run(root, command, **environment)
    assert done.returncode == 0, f"{command}\n{done.stdout[-2000:]}"
    return done.stdout


def commit_copy(root: Path) -> None:
    """What git would commit of the working tree as it is, committed in a new repository at `root`."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():  # not one that was deleted and is still in the index
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, root / name)
    succeed(root, "git init -q -b main && git add --all && git commit -q -m copy")
