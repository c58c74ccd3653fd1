"""The stages of dvc.yaml as processes that can be killed, and the hashes of what they leave.

Each is forked off a server which has imported torch and the package, so that a run costs what its work costs.
"""

import hashlib
import itertools
import multiprocessing
import os
import re
import resource
import runpy
import shlex
import shutil
import signal
import sys
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import NamedTuple

import yaml

WORKSHOP = multiprocessing.get_context("forkserver")
WORKSHOP.set_forkserver_preload(
    [
        "lexiclip.captions.llm",
        "lexiclip.mini.pretraining",
        "lexiclip.images.datasets",
        "lexiclip.mini.scenes",
        "lexiclip.report.page",
        "lexiclip.prompts.training",
        "lexiclip.evaluation.tables",
        "lexiclip.scoring.window_pass",
        "transformers.models.llama.modeling_llama",
        "tests.faults.stages",
    ]
)


class Stage(NamedTuple):
    """A stage of one item: its name ("train@best"), its command, every path it makes."""

    name: str
    command: list[str]
    outs: list[str]


def stages_of(root: Path) -> dict[str, Stage]:
    """All stages of a study by name, in the order of dvc.yaml, which is one they can be run in."""
    found = {}
    variants = yaml.safe_load((root / "params.yaml").read_text())["variants"]
    for name, stage in yaml.safe_load((root / "dvc.yaml").read_text())["stages"].items():
        items = [{"key": variant} for variant in variants] if "foreach" in stage else [{}]
        stage = stage.get("do", stage)
        if matrix := stage.get("matrix"):
            items = [{f"item.{key}": value} for key, values in matrix.items() for value in values]
        listed = [out for kind in ("outs", "metrics", "plots") for out in stage.get(kind, [])]
        paths = [out if isinstance(out, str) else next(iter(out)) for out in listed]
        for item in items:

            def filled(text: str, item: dict = item) -> str:
                return re.sub(r"\$\{([\w.]+)\}", lambda match: item[match[1]], text)

            full_name = "@".join([name, *item.values()])
            found[full_name] = Stage(full_name, shlex.split(filled(stage["cmd"])), list(map(filled, paths)))
    return found


def start(
    root: Path, stage: Stage, log: Path, *, kill_before: int | None = None, largest_file: int | None = None
) -> BaseProcess:
    """Start `stage` in the study at `root`, both its outputs to `log`.

    It kills itself before its `kill_before`-th change of a file; a file beyond `largest_file` bytes fails.
    """
    process = WORKSHOP.Process(target=_run, args=(root, stage.command, log, kill_before, largest_file))
    process.start()
    return process


def run(root: Path, stage: Stage, log: Path, **options: int | None) -> int:
    """Run `stage` to its end, or to a kill of its own; its exit code, -9 if it was killed."""
    process = start(root, stage, log, **options)
    process.join()
    return process.exitcode


def _run(
    root: Path, command: list[str], log: Path, kill_before: int | None, largest_file: int | None
) -> None:
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.chdir(root)
    sys.argv = command[1:]
    multiprocessing.set_start_method(
        "fork", force=True
    )  # as in a stage of its own, for those who decode images
    if kill_before is not None:
        _die_before(kill_before)
    if largest_file is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, largest_file))
    runpy.run_path(sys.argv[0], run_name="__main__")


def _die_before(count: int) -> None:
    """SIGKILL this process when Python is about to write-open, rename or remove for the `count`-th time."""
    changes = itertools.count(1)

    def hook(event: str, arguments: tuple) -> None:
        opens = event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR)
        if (opens or event in ("os.rename", "os.remove", "shutil.rmtree")) and next(changes) == count:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


def hashes(root: Path, stage: Stage) -> dict[str, str]:
    """SHA-256 of each file that the outs of a stage are or hold; temporary files beside them do not count."""
    files = [file for out in stage.outs for file in (root / out, *(root / out).rglob("*")) if file.is_file()]
    return {
        file.relative_to(root).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in files
        if ".tmp" not in file.name
    }


def delete_outs(root: Path, stage: Stage) -> None:
    """What DVC does before it runs a stage."""
    for out in stage.outs:
        path = root / out
        if path.is_dir():
            shutil.rmtree(path)
        path.unlink(missing_ok=True)
