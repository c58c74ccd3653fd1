"""Git repositories of the working tree, for tests that run git, DVC or README's commands.

The code in them is what lies there, the study the committed one: an experiment leaves other params, another
lock and other metrics behind, and what that lock names is in no remote. Who adds a param has to commit it
before the tests.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import yaml
from tests.conftest import ROOT

STUDY = ("params.yaml", "dvc.lock", "metrics")  # what an experiment rewrites


def environment() -> dict[str, str]:
    """The environment variables for a command: its python is the one that runs the tests."""
    return {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}


def run(root: Path, command: str, **changes: str) -> subprocess.CompletedProcess[str]:
    """A shell command in `root`; what it said is in stdout."""
    return subprocess.run(
        ["bash", "-c", command],
        cwd=root,
        env={**environment(), **changes},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def succeed(root: Path, command: str, **changes: str) -> str:
    """What a command says that must not fail."""
    done = run(root, command, **changes)
    assert done.returncode == 0, f"{command}\n{done.stdout[-2000:]}"
    return done.stdout


def _git(root: Path, *arguments: str) -> bytes:
    return subprocess.run(["git", *arguments], cwd=root, capture_output=True, check=True).stdout


def _has_commit(root: Path) -> bool:
    """Not so where the files came as an archive."""
    return (root / ".git").exists() and run(root, "git rev-parse --verify HEAD").returncode == 0


def _names(listed: bytes) -> list[str]:
    return [os.fsdecode(name) for name in listed.split(b"\0") if name]


def committed(name: str, root: Path = ROOT) -> bytes:
    """A file of the last commit, or as it is where there is no commit."""
    return _git(root, "show", f"HEAD:{name}") if _has_commit(root) else (root / name).read_bytes()


def committed_params() -> dict:
    """The study's params of the last commit."""
    return yaml.safe_load(committed("params.yaml"))


def commit_copy(root: Path, source: Path = ROOT) -> None:
    """What git would commit of `source`, but the study as last committed, in a new repository at `root`."""
    succeed(root, "git init -q")
    there = (f"--git-dir={root}/.git", f"--work-tree={source}")  # to the new repository all files are new
    for name in _names(_git(source, *there, "ls-files", "-z", "--others", "--exclude-standard")):
        if (source / name).is_file():  # not a link to a folder
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source / name, root / name)
    if _has_commit(source):
        for name in STUDY:
            shutil.rmtree(root / name) if (root / name).is_dir() else (root / name).unlink(missing_ok=True)
        for name in _names(_git(source, "ls-tree", "-rz", "--name-only", "HEAD", *STUDY)):
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes(_git(source, "show", f"HEAD:{name}"))
    succeed(root, "git add --all && git commit -q -m copy")
