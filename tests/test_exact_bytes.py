"""`precision: exact` gives the same bytes whatever instructions and threads compute, each in its own process.

exact_bytes.json holds the hashes found once, on one machine: any other must find them again. After a change
that is meant to change them: `python -m tests.exact_run FOLDER exact 0`, which ends in FOLDER/hashes.json.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from processors import NO_AVX, SETTINGS
from tests.conftest import ROOT

RECORDED = Path(__file__).with_name("exact_bytes.json")


def hashes(precision: str = "exact", seed: int = 0, **variables: str) -> dict[str, str]:
    """The hash of every output of exact_run.py."""
    with TemporaryDirectory() as folder:
        done = subprocess.run(
            [sys.executable, "-m", "tests.exact_run", folder, precision, str(seed)],
            cwd=ROOT,
            env={**os.environ, **variables},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr[-2000:]
        return json.loads(Path(folder, "hashes.json").read_text())


@pytest.mark.slow
@pytest.mark.parametrize("setting", [name for name in SETTINGS if name != "as it is"])  # 4 threads ask more
def test_same_bytes_under_every_setting_as_recorded(setting):
    assert hashes(**SETTINGS[setting]) == json.loads(RECORDED.read_text())


@pytest.mark.slow
def test_float32_gives_other_bytes_on_another_processor():
    """Else the settings would show nothing."""
    here, elsewhere = hashes("fast"), hashes("fast", **NO_AVX)
    changed = {name for name in here if here[name] != elsewhere[name]}
    assert {"features/features.npy", "prompts.safetensors", "scores.npz"} <= changed


@pytest.mark.slow
def test_another_seed_gives_other_bytes():
    recorded = json.loads(RECORDED.read_text())
    found = hashes(seed=1)
    same = {name for name in found if found[name] == recorded[name]}
    assert same == {
        f"features/{name}" for name in ("features.npy", "header.json", "offsets.npy", "texts.json")
    }
