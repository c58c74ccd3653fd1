"""Ctrl-C during `dvc repro`: it stops, says so in a line, and the next `dvc repro` ends in the same bytes."""

import os
import signal
import subprocess
import time

import yaml
from tests.faults.conftest import under_dvc
from tests.faults.stages import delete_outs, hashes, run, stages_of


def interrupt_once(study, target, sign, log):
    """Press Ctrl-C once `dvc repro` has made `sign`, a file of unfinished work; what was printed."""
    with log.open("w") as output:  # progress bars would fill a pipe and block the stage
        repro = subprocess.Popen(
            ["dvc", "repro", target],
            cwd=study.root,
            env=study.environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # a process group of its own, as a terminal gives one to a command
            # A shell lets what it starts in the background ignore Ctrl-C, and so would we.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
    try:
        deadline = time.monotonic() + 240
        while not (study.root / sign).exists():
            assert repro.poll() is None and time.monotonic() < deadline, log.read_text()
            time.sleep(0.005)
        os.killpg(repro.pid, signal.SIGINT)
        repro.wait(timeout=120)
    finally:
        if repro.poll() is None:
            os.killpg(repro.pid, signal.SIGKILL)
            repro.wait()
    assert repro.returncode != 0
    return log.read_text()


def test_interrupted_twice_then_finished(study, log):
    params = yaml.safe_load((study / "params.yaml").read_text())
    repository = under_dvc(study, "train", "score")
    params["variants"]["best"]["train"]["epochs"] = 30
    params["windows"]["scales"] = [3]  # work enough to be interrupted in
    (study / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    train, score = (stages_of(study)[name] for name in ("train@best", "score"))
    whole = {}
    for stage in (train, score):  # undisturbed, before DVC has its turn
        delete_outs(study, stage)
        assert run(study, stage, log) == 0, log.read_text()
        whole |= hashes(study, stage)

    for sign in (
        "models/prompts/best.checkpoint.partial",
        "data/window_scores.partial/scores_00000.safetensors",
    ):
        printed = interrupt_once(repository, "score", sign, log)
        assert "interrupted: finished work is kept" in printed, printed
        assert (study / sign).exists()
    finished = repository.run("dvc", "repro", "score")
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert "Running stage 'train@best'" not in finished.stdout  # it had ended before the second Ctrl-C
    assert hashes(study, train) | hashes(study, score) == whole
    assert "up to date" in repository.run("dvc", "status").stdout
    assert not list(study.rglob("*.partial"))
