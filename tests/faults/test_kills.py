"""SIGKILL at any moment: a stage that DVC starts again ends in the bytes of an undisturbed run."""

import itertools
import random
import time

import pytest
import yaml
from tests.chat_server import save_tiny_model
from tests.faults.stages import WORKSHOP, delete_outs, hashes, run, stages_of, start

KILLS = 8  # beside a kill before each change of a file, below


def partial_files(root):
    return [path for path in root.rglob("*.partial*") if ".tmp" not in path.name]


def kill_at_random(root, stage, log):
    """Kill `stage` KILLS times, each after some of the time it takes, and compare whatever it ends in."""
    delete_outs(root, stage)
    began = time.monotonic()
    assert run(root, stage, log) == 0, log.read_text()
    duration, whole = time.monotonic() - began, hashes(root, stage)
    moments, kills = random.Random(stage.name), 0
    for _ in range(10 * KILLS):  # a run that goes on from a kept part may end before its kill
        if kills == KILLS:
            break
        delete_outs(root, stage)
        process = start(root, stage, log)
        process.join(moments.uniform(0, duration))
        process.kill()
        process.join()
        if process.exitcode == -9:
            kills += 1
            assert hashes(root, stage).items() <= whole.items()  # none but whole files have a name
        else:
            assert process.exitcode == 0, log.read_text()
            assert hashes(root, stage) == whole
    assert kills == KILLS
    delete_outs(root, stage)
    assert run(root, stage, log) == 0, log.read_text()
    assert hashes(root, stage) == whole
    assert not partial_files(root)
    return whole


@pytest.mark.parametrize("name", ["write@multi", "encode_texts", "train@best", "train@ema", "score"])
def test_kills_at_random_moments(study, log, name):
    stage = stages_of(study)[name]
    whole = hashes(study, stage)
    assert kill_at_random(study, stage, log) == whole


def test_kills_of_a_language_model_in_the_process_itself(study, log, tmp_path):
    saving = WORKSHOP.Process(target=save_tiny_model, args=(tmp_path / "model",))
    saving.start()
    saving.join()
    params = yaml.safe_load((study / "params.yaml").read_text())
    here = {"model": str(tmp_path / "model"), "gguf_file": None, "server": None, "batch_size": 16}
    params["language_model"].update(here)
    (study / "params.yaml").write_text(yaml.safe_dump(params))
    kill_at_random(study, stages_of(study)["write@multi"], log)


@pytest.mark.parametrize("name", ["write@multi", "encode_texts", "train@best", "score"])
def test_a_kill_before_each_change_of_a_file(study, log, name):
    stage = stages_of(study)[name]
    whole = hashes(study, stage)
    for count in itertools.count(1):
        delete_outs(study, stage)
        if run(study, stage, log, kill_before=count) == 0:
            break
        assert hashes(study, stage).items() <= whole.items()
        delete_outs(study, stage)
        assert run(study, stage, log) == 0, log.read_text()
        assert hashes(study, stage) == whole and not partial_files(study)
    assert count > 2 * len(stage.outs)  # at least a name for each out, and its removal under the old one
