"""The wheel holds what its commands need: it is built, unpacked and used away from the repository."""

import json
import subprocess
import sys
import tomllib
import zipfile

import pytest
from tests.conftest import ROOT

STUDY_ALONE = ("accelerate", "dvc", "gguf", "openai", "transformers")


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The folder of the unpacked wheel."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", folder]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def run(installed, tmp_path, code):
    """What a program prints that sees the unpacked wheel and none of the repository."""
    start = f"import sys; sys.path.insert(0, {str(installed)!r})\n"
    done = subprocess.run(
        [sys.executable, "-P", "-c", start + code], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_captions_are_labelled_by_the_wheel_alone(installed, tmp_path):
    (tmp_path / "captions.txt").write_text("A hot dog beside a dog.\n")
    for vocabulary in ("coco80", "voc20", "nus81"):
        code = f"sys.argv[1:] = ['label', 'captions.txt', '--vocabulary', {vocabulary!r}]\n"
        printed = run(installed, tmp_path, code + "from lexiclip.cli import main; main()")
        assert "dog" in json.loads(printed)["labels"]


def test_the_wheel_was_what_ran(installed, tmp_path):
    printed = run(installed, tmp_path, "import lexiclip.cli; print(lexiclip.cli.__file__)")
    assert printed.startswith(str(installed))


def test_using_asks_for_no_package_of_the_study(installed, tmp_path):
    """Neither directly nor, transformers apart, by open_clip, which imports what of it is there."""
    refused = ["torch", "matplotlib", *STUDY_ALONE]
    code = f"""
refused = {refused!r}
class Refuse:
    def find_spec(self, name, *_):
        if name.partition('.')[0] in refused:
            raise ImportError(name)
sys.meta_path.insert(0, Refuse())
import lexiclip.cli
refused.remove("torch")  # seconds that `lexiclip label` and `lexiclip predict --help` do without
import lexiclip.any_clip, lexiclip.predict, lexiclip.tune
from lexiclip.mixes import IMAGENET_TEMPLATES, load_templates
assert len(load_templates(IMAGENET_TEMPLATES)) == 80
refused.remove("matplotlib")
import lexiclip.heatmap, lexiclip.report.photos
"""
    run(installed, tmp_path, code)


def test_the_study_lists_what_it_needs():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    assert set(STUDY_ALONE) <= {name.partition("[")[0] for name in extras["study"]}
    assert not set(STUDY_ALONE) & set(project["dependencies"])
