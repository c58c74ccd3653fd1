"""Fixtures shared by all tests."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

# The same examples in every run, timed by nobody, kept nowhere.
settings.register_profile("lexiclip", derandomize=True, deadline=None, database=None, max_examples=60)
settings.load_profile("lexiclip")

ROOT = Path(__file__).resolve().parents[1]
SHARED = Path(os.environ.get("LEXICLIP_SHARED", ROOT.parent / "shared"))


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of golden numbers and sample data; tests that need it skip where it is absent."""
    if not SHARED.is_dir():
        pytest.skip(f"no shared test data at {SHARED} (set LEXICLIP_SHARED)")
    return SHARED
