"""Two workers of DVC's queue at once: both experiments end, each with the metrics of its own params."""

import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import yaml
from tests.faults.conftest import under_dvc
from tests.faults.stages import run, stages_of

WEIGHTS = {"half": 0.5, "double": 2.0}  # of the windows
DEADLINE = 240  # seconds


def expected_metrics(made, folder, log, weight):
    """metrics.json of the two stages run by themselves."""
    root = shutil.copytree(made, folder)
    params = yaml.safe_load((root / "params.yaml").read_text())
    params["fusion"]["window_weight"] = weight
    (root / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    for name in ("ensemble", "evaluate"):
        assert run(root, stages_of(root)[name], log) == 0, log.read_text()
    return json.loads((root / "metrics/metrics.json").read_text())


def end_workers(root):
    """Kill what still works in a copy of ours: a worker may hang or outlive its queue."""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            ours = (
                str(root) in str((process / "cwd").readlink())
                or str(root) in (process / "cmdline").read_text()
            )
        except OSError:
            continue  # it has ended, or is not ours
        if ours and int(process.name) != os.getpid():
            os.kill(int(process.name), signal.SIGKILL)


def test_two_experiments_at_once(made, study, tmp_path, log):
    repository = under_dvc(study, "ensemble", "evaluate")
    for name, weight in WEIGHTS.items():
        queued = repository.run(
            "dvc", "exp", "run", "--queue", "-n", name, "-S", f"fusion.window_weight={weight}"
        )
        assert queued.returncode == 0, queued.stderr
    try:
        # Workers keep open what the command prints to: a pipe would be read until the last of them ends.
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        start = ["dvc", "queue", "start", "--jobs", "2"]
        subprocess.run(start, cwd=study, env=repository.environment, check=True, timeout=DEADLINE, **quiet)
        deadline = time.monotonic() + DEADLINE
        while (status := repository.run("dvc", "queue", "status").stdout).count("Success") < len(WEIGHTS):
            assert "Failed" not in status, status + "".join(
                repository.run("dvc", "queue", "logs", name).stdout for name in WEIGHTS
            )
            assert time.monotonic() < deadline, status
            time.sleep(1)
    finally:
        repository.run("dvc", "queue", "stop", "--kill")
        end_workers(study)
    shown = json.loads(repository.run("dvc", "exp", "show", "--json").stdout)
    experiments = [
        revision for commit in shown for group in commit["experiments"] or [] for revision in group["revs"]
    ]
    found = {each["name"]: each["data"]["metrics"]["metrics/metrics.json"]["data"] for each in experiments}
    assert found == {
        name: expected_metrics(made, tmp_path / name, log, weight) for name, weight in WEIGHTS.items()
    }
    assert found["half"] != found["double"]
