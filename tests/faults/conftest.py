"""One small study, made by every stage of dvc.yaml with a tiny CLIP; each test breaks a copy of its own."""

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml
from tests.chat_server import serve
from tests.clones import committed_params
from tests.conftest import ROOT
from tests.faults.answers import reply
from tests.faults.stages import run, stages_of
from tests.pipeline.conftest import Study
from tests.tiny import tiny_config

DATA = ("clip", "ensembles", "instructions", "wild", "world")  # what git has of it
COPIED = (".dvcignore", "dvc.yaml", "src", "stages", *(f"data/{folder}" for folder in DATA))


def cut_down(params: dict, url: str) -> None:
    """A second or two for every stage; the language model is the server at `url`."""
    params["language_model"]["server"] = {"url": url, "in_flight": 4, "retries": 0, "deadline": 60}
    params["compose"].update(by="answers", questions=4)
    params["judge"]["judges"] = ["filter"]
    for caption_set in params["captions"].values():
        caption_set.update(asks_per_set=1, asks_per_class=1)
    params["pretrain"].update(steps=20, batch_size=4, templates=50)
    params["scenes"]["count"] = 70  # three shards of scores
    params["prototypes"]["scenes"] = params["ceiling"]["scenes"] = 10
    params["windows"]["scales"] = [2]
    params["mix"]["heldout_share"] = 0.3
    params["train"]["batch_size"] = 32
    for variant in params["variants"].values():
        variant["train"].update(epochs=4, keep_epoch="heldout", warmup_epochs=0, n_ctx=2)
        variant["mix"]["texts"] = {"single": True, "multi": True, "class": 500}


def lay_out(root: Path, url: str) -> None:
    """The files of the repository that stages and DVC read, with tiny sizes."""
    for path in COPIED:
        copy = shutil.copytree if (ROOT / path).is_dir() else shutil.copy
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        copy(ROOT / path, root / path)
    params = committed_params()
    cut_down(params, url)
    (root / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    (root / "data/clip/mini.json").write_text(json.dumps(tiny_config()))
    wild = [f"A dog and a cat on photo {i}.\n" for i in range(200)]
    (root / params["wild"]["file"]).write_text("".join(["caption\n", *wild]))


@pytest.fixture(scope="session")
def made(tmp_path_factory) -> Iterator[Path]:
    """The finished study. Not to be changed: tests take a copy."""
    root = tmp_path_factory.mktemp("study") / "lexiclip"
    with serve(reply) as url, pytest.MonkeyPatch.context() as patch:
        lay_out(root, url)
        patch.setenv("NO_PROXY", "127.0.0.1")
        patch.setenv("OMP_NUM_THREADS", "1")  # tiny sizes: threads would only wait for each other
        for stage in stages_of(root).values():
            log = root.parent / "log"
            assert run(root, stage, log) == 0, f"{stage.name}: {log.read_text()}"
        yield root


@pytest.fixture
def study(made, tmp_path) -> Path:
    """A copy of the finished study."""
    return shutil.copytree(made, tmp_path / "study")


@pytest.fixture
def log(tmp_path) -> Path:
    """Where a stage's two outputs go."""
    return tmp_path / "log"


@pytest.fixture
def mount(tmp_path) -> Iterator[Callable[..., None]]:
    """mount(options…, folder), undone when the test ends; the test is skipped where that is not allowed."""
    mounted = set()

    def mount(*options: str | Path) -> None:
        done = subprocess.run(["mount", *options], capture_output=True, text=True)
        if done.returncode != 0:
            pytest.skip(f"file systems cannot be mounted here: {done.stderr.strip()}")
        mounted.add(options[-1])

    yield mount
    for folder in mounted:
        subprocess.run(["umount", "--lazy", folder], check=True)


def under_dvc(root: Path, *kept: str) -> Study:
    """The study at `root` as a repository with one commit, its pipeline cut down to the stages `kept`."""
    pipeline = yaml.safe_load((root / "dvc.yaml").read_text())
    stages = {name: pipeline["stages"][name] for name in kept}
    (root / "dvc.yaml").write_text(yaml.safe_dump({"stages": stages}, sort_keys=False))
    (root / ".gitignore").write_text("__pycache__/\n")
    study = Study(root)
    for command in (
        "git init --quiet",
        "dvc init --quiet",
        "dvc commit --force",
        "git add --all",
        "git commit --quiet --message study",
    ):
        done = study.run(*command.split())
        assert done.returncode == 0, f"{command}: {done.stderr}"
    return study
