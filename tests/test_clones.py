"""Tests take the committed study, whatever an experiment has left in the working tree."""

import pytest
from tests.clones import commit_copy, committed, run, succeed
from tests.conftest import ROOT

COMMITTED = {
    "params.yaml": "ema_decay: 0.995\n",
    "dvc.lock": "md5: of outputs that are shared\n",
    "metrics/metrics.json": '{"mAP": 79.1}',
    "metrics/train/ema.csv": "step,loss\n",
}
EXPERIMENT = {
    "params.yaml": "ema_decay: 0.999\n",
    "dvc.lock": "md5: of outputs that are nowhere else\n",
    "metrics/metrics.json": '{"mAP": 12.3}',
    "metrics/train/new.csv": "step,loss\n",
}
CODE = {".gitignore": "*.partial\n", "src/a.py": "a = 1\n", "src/é ü.py": "", "dvc-store/ab/c": "data"}


def write(root, files):
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content)


def files_of(root):
    names = (path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())
    return {name: (root / name).read_text() for name in names if not name.startswith(".git/")}


@pytest.fixture
def source(tmp_path):
    """A repository after an experiment, and with code that is not committed yet."""
    root = tmp_path / "source"
    write(root, COMMITTED | CODE | {"src/gone.py": ""})
    succeed(root, "git init -q && git add --all && git commit -q -m study")
    write(root, EXPERIMENT | {"src/a.py": "a = 2\n", "src/b.py": "b = 1\n", "models/run.partial": "half"})
    for name in ("metrics/train/ema.csv", "src/gone.py"):
        (root / name).unlink()
    return root


def copied(source, tmp_path):
    (tmp_path / "copy").mkdir()
    commit_copy(tmp_path / "copy", source)
    assert succeed(tmp_path / "copy", "git status --short") == ""
    return files_of(tmp_path / "copy")


def test_an_experiment_leaves_the_study_and_edits_of_the_code_are_taken(source, tmp_path):
    assert {name: committed(name, source).decode() for name in COMMITTED} == COMMITTED
    assert copied(source, tmp_path) == COMMITTED | CODE | {"src/a.py": "a = 2\n", "src/b.py": "b = 1\n"}
    assert succeed(source, "git status --short").count("\n") == 8  # it is left as it was


def test_without_a_commit_the_study_is_what_lies_there(source, tmp_path):
    succeed(source, "rm -r .git")
    there = files_of(source)
    assert {name: committed(name, source).decode() for name in EXPERIMENT} == EXPERIMENT
    assert copied(source, tmp_path) == {name: text for name, text in there.items() if "partial" not in name}


@pytest.mark.slow
def test_tests_start_without_a_home_and_from_a_hook(tmp_path):
    """None of git's variables in a hook reaches the repositories of the tests."""
    test = "python -m pytest --numprocesses 1 -p no:cacheprovider tests/test_clones.py -k without_a_commit"
    said = run(ROOT, f"unset HOME LEXICLIP_TEST_HOME && {test}", GIT_DIR=str(tmp_path), GIT_AUTHOR_NAME="")
    assert said.returncode == 0 and "1 passed" in said.stdout, said.stdout
