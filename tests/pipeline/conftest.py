"""A copy of the repository with its shared datasets and small params, in which stages can be run for real."""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml
from tests.clones import commit_copy, environment


class Study:
    """A copy of the repository at `root`; commands run in it with the environment's own programs first."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.environment = environment()

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(command, cwd=self.root, env=self.environment, capture_output=True, text=True)

    @contextmanager
    def params(self, change: Callable[[dict], None]) -> Iterator[None]:
        """Other params inside the block."""
        path = self.root / "params.yaml"
        before = path.read_text()
        params = yaml.safe_load(before)
        change(params)
        path.write_text(yaml.safe_dump(params, sort_keys=False))
        try:
            yield
        finally:
            path.write_text(before)


def cut_down(params: dict) -> None:
    """A minute's worth of every stage after the shared datasets."""
    params["scenes"]["count"] = params["prototypes"]["scenes"] = params["ceiling"]["scenes"] = 12
    params["windows"].update(scales=[2], workers=0)
    params["train"]["batch_size"] = 64
    for variant in params["variants"].values():
        variant["train"].update(epochs=1, keep_epoch=1, warmup_epochs=0, n_ctx=4)
        variant["mix"]["texts"] = {"single": 100, "multi": 100, "class": 1500}


def copied(folder: Path) -> Study:
    """A copy of the repository, without what stages made."""
    root = folder / "lexiclip"
    root.mkdir()
    commit_copy(root)
    return Study(root)


@pytest.fixture(scope="package")
def study(tmp_path_factory) -> Iterator[Study]:
    """The study of small params, reproduced from the shared datasets alone as in a fresh clone."""
    study = copied(tmp_path_factory.mktemp("study"))
    pulled = study.run("dvc", "pull")
    assert pulled.returncode == 0, pulled.stderr
    with study.params(cut_down):
        reproduced = study.run("dvc", "repro")
        assert reproduced.returncode == 0, reproduced.stdout[-2000:] + reproduced.stderr[-2000:]
        yield study
