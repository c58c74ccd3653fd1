"""The same SmolLM2 behind a real server, `transformers serve`, in a process of its own on loopback."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from lexiclip.captions.asking import write_answers
from lexiclip.captions.instructions import instruction, load_instructions
from lexiclip.captions.llm import Sampling, backend
from lexiclip.errors import InputError

FOLDER = Path(__file__).resolve().parents[2] / "data/instructions"


@pytest.fixture
def served(tmp_path, smollm2_folder, monkeypatch):
    """A running server: (its process, its URL, the name of its model)."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    model = smollm2_folder  # `transformers serve` cannot tell the architecture of a GGUF file
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "transformers.cli.transformers", "serve", model]
    with (tmp_path / "server.log").open("w") as log:
        process = subprocess.Popen(
            [*command, "--host", "127.0.0.1", "--port", str(port), "--device", "cpu", "--dtype", "float32"],
            stdout=log,
            stderr=log,
            env=os.environ | {"HF_HUB_OFFLINE": "1"},
        )
    try:
        for _ in range(600):
            assert process.poll() is None, (tmp_path / "server.log").read_text()
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5)
                break
            except OSError:
                time.sleep(0.5)
        else:
            pytest.fail(f"no server after 300 s: {(tmp_path / 'server.log').read_text()}")
        yield process, f"http://127.0.0.1:{port}/v1", model
    finally:
        process.kill()
        process.wait()


@pytest.mark.slow
def test_a_run_against_a_real_server_and_the_servers_death(served, tmp_path):
    process, url, model = served
    server = {"url": url, "in_flight": 4, "retries": 0, "deadline": 240}

    def ask(file, kind, count):
        instructions = load_instructions(FOLDER / f"{kind}.yaml")
        names = [["dog", "frisbee"], ["cup"], ["cat", "bed"]][:count]
        asks = [
            (
                {"names": n},
                f"{', '.join(n)}:" if kind == "small" else instruction(instructions, "write.single", n),
            )
            for n in names
        ]
        served_model = backend(
            model, None, False, 1, server, instructions=instructions, sampling=Sampling(8, 0.8, 0.95)
        )
        write_answers(asks, served_model, tmp_path / file, seed=1)
        return [json.loads(line) for line in (tmp_path / file).read_text().splitlines()]

    completed = ask("small.jsonl", "small", 3)
    assert [row["names"] for row in completed] == [["dog", "frisbee"], ["cup"], ["cat", "bed"]]
    assert all(row["answer"] and "\n" not in row["answer"] for row in completed)
    assert all(row["answer"] for row in ask("chat.jsonl", "reference", 1))
    process.kill()
    process.wait()
    with pytest.raises(InputError, match=r"no connection .*0 of 2 answers are kept, run again to go on"):
        ask("dead.jsonl", "small", 2)
