"""A DVC cache that cannot be written: an error says so, the workspace stays whole, later all goes on."""

import os
import shutil
import subprocess
from contextlib import contextmanager

from tests.faults.conftest import under_dvc
from tests.faults.stages import hashes, stages_of


@contextmanager
def read_only(folder, mount):
    """The folder cannot be written in the block; rights do not bind root, a read-only mount does."""
    if os.geteuid() != 0:
        subprocess.run(["chmod", "-R", "a-w", folder], check=True)
        yield
        subprocess.run(["chmod", "-R", "u+w", folder], check=True)
        return
    mount("--bind", folder, folder)
    mount("-o", "remount,bind,ro", folder)
    yield
    mount("-o", "remount,bind,rw", folder)


def refused(repository, *command):
    done = repository.run(*command)
    told = done.stdout + done.stderr
    assert done.returncode != 0 and "Traceback" not in told, told
    assert "Read-only file system" in told or "Permission denied" in told, told


def everything(root):
    """Modification times of all files of the workspace but DVC's own."""
    files = (path for path in root.rglob("*") if path.is_file() and not {".dvc", ".git"} & set(path.parts))
    return {path: path.stat().st_mtime_ns for path in files}


def test_repro(study, mount):
    repository = under_dvc(study, "cooccurrence")
    stage = stages_of(study)["cooccurrence"]
    before = hashes(study, stage)
    captions = study / "data/captions/multi.jsonl"
    captions.write_text("".join(captions.read_text().splitlines(keepends=True)[:5]))
    others = everything(study)
    with read_only(study / ".dvc/cache", mount):
        refused(repository, "dvc", "repro")
        made = hashes(study, stage)
    assert made.keys() == before.keys() and made != before  # the stage ran; what it made is there to be taken
    assert everything(study).items() - others.items() == {
        (study / out, (study / out).stat().st_mtime_ns) for out in stage.outs
    }
    again = repository.run("dvc", "repro")
    assert again.returncode == 0, again.stdout + again.stderr
    assert hashes(study, stage) == made
    assert "up to date" in repository.run("dvc", "status").stdout


def test_pull(study, tmp_path, mount):
    repository = under_dvc(study, "cooccurrence")
    stage = stages_of(study)["cooccurrence"]
    whole = hashes(study, stage)
    for command in (f"dvc remote add --default store {tmp_path}/store", "dvc push"):
        done = repository.run(*command.split())
        assert done.returncode == 0, done.stderr
    cache, matrix = study / ".dvc/cache", study / "data/cooccurrence.npz"
    shutil.rmtree(cache)
    cache.mkdir()
    matrix.unlink()
    others = everything(study)
    with read_only(cache, mount):
        refused(repository, "dvc", "pull")
    assert everything(study) == others
    pulled = repository.run("dvc", "pull")
    assert pulled.returncode == 0, pulled.stderr
    assert hashes(study, stage) == whole
