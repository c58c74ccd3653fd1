"""Two processes that share each batch end with the prompts of one."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

SCRIPT = Path(__file__).with_name("run_processes.py")


def launch(folder, ranks, *arguments):
    """Run SCRIPT in as many processes as torchrun would; their exit codes and what they said."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    where = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "OMP_NUM_THREADS": "1"}
    processes = [
        subprocess.Popen(
            [sys.executable, SCRIPT, folder, *arguments],
            env={**os.environ, **where, "RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(ranks)},
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(ranks)
    ]
    said = [process.communicate(timeout=120)[1] for process in processes]
    return [process.returncode for process in processes], said


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """The contexts that one process ends with, those of two, and the second run's folder."""
    folders = [tmp_path_factory.mktemp(f"{ranks}-processes") for ranks in (1, 2)]
    for ranks, folder in enumerate(folders, start=1):
        codes, said = launch(folder, ranks)
        assert codes == [0] * ranks, said
    return [load_file(folder / "contexts.safetensors") for folder in folders]


def test_two_processes_do_what_one_does(runs):
    alone, shared = runs
    for branch, contexts in alone.items():
        assert (shared[branch] - contexts).abs().max() < 1e-5
    assert not torch.equal(alone["start"], alone["local"])  # it did learn


def test_more_processes_than_texts_in_a_batch(tmp_path):
    codes, said = launch(tmp_path, 2, "1")
    assert codes == [1, 1]
    assert all("a batch of 1 texts for 2 processes" in text for text in said)
