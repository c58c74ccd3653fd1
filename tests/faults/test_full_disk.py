"""No room for what a stage writes: one line says so, no part of a file passes for all of it."""

import os
import shutil
from contextlib import contextmanager

import pytest
from tests.conftest import ROOT
from tests.faults.stages import delete_outs, hashes, run, stages_of

# Each stage once, for the first item of its matrix.
NAMES = list({name.split("@")[0]: name for name in reversed(stages_of(ROOT))}.values())[::-1]
PAGE = 4096


def sizes(root, stage):
    return [(root / file).stat().st_size for file in hashes(root, stage)]


def refused(root, stage, log, whole, **options):
    """Run a stage that must end in one line, with nothing but whole files under the names of its outs."""
    assert run(root, stage, log, **options) == 1, log.read_text()
    told = log.read_text()
    line = told.strip().splitlines()[-1]
    assert line.startswith("error: ") and "cannot be written" in line and "Traceback" not in told, told
    left = hashes(root, stage)
    assert left.items() < whole.items()


@contextmanager
def filled(disk, leaving):
    """The disk with no more than `leaving` bytes free."""
    filler = disk / "filler"
    with filler.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, shutil.disk_usage(disk).free - leaving)
    yield
    filler.unlink()


@pytest.mark.parametrize("name", NAMES)
def test_a_full_disk(made, tmp_path, log, mount, name):
    disk = tmp_path / "disk"
    disk.mkdir()
    mount("-t", "tmpfs", "-o", "size=96m", "tmpfs", disk)
    root = shutil.copytree(made, disk / "study")
    stage = stages_of(root)[name]
    whole = hashes(root, stage)
    needed = sum(-(-size // PAGE) for size in sizes(root, stage))
    for pages in sorted({0, needed - 1}):
        for path in root.rglob("*.partial"):  # what the try before has kept would not be written again
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        delete_outs(root, stage)  # before the disk is filled: their room counts, too
        with filled(disk, leaving=pages * PAGE):
            refused(root, stage, log, whole)
    assert run(root, stage, log) == 0, log.read_text()
    assert hashes(root, stage) == whole


@pytest.mark.parametrize("name", ["write@multi", "scenes", "encode_texts", "score", "ensemble"])
def test_a_file_larger_than_allowed(study, log, name):
    stage = stages_of(study)[name]
    whole, largest = hashes(study, stage), max(sizes(study, stage))
    delete_outs(study, stage)
    refused(study, stage, log, whole, largest_file=largest // 2)
    assert run(study, stage, log) == 0, log.read_text()
    assert hashes(study, stage) == whole
