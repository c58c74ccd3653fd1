"""The stage of the pass with a tiny random CLIP in a folder of its own: a file that is no image, then all."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tests.coco import instances
from tests.random_prompts import write_clip
from tests.stages.running import refused_stage, run_stage, torchrun, write_study

from lexiclip.clip.feature_store import write_store
from lexiclip.clip.loading import model_id
from lexiclip.files import write_json, write_jsonl
from lexiclip.params import BASELINES, PROTOTYPES
from lexiclip.prompts.class_vectors import ClassVectors, Prompts, save_prompts
from lexiclip.scoring.window_store import read_shards

NAMES = ("cat", "dog", "cow")


@pytest.fixture
def study(tmp_path, monkeypatch):
    """A folder with what the stage reads: two photos and one file that is none."""
    monkeypatch.chdir(tmp_path)
    images = {"labels": "instances.json", "folder": ".", "limit": None}
    windows = {"scales": [2], "shapes": ["square"], "workers": 0}
    params = write_study(NAMES, precision="exact", images=images, windows=windows)
    clip = write_clip(Path())
    texts = [f"{number} cats" for number in range(12)]
    write_store("data/features", clip, [*texts, "held out"])
    for variant in params["variants"]:
        write_jsonl(f"data/mixes/{variant}.jsonl", [{"text": text} for text in [*texts, texts[0]]])
    for variant in (*BASELINES, *params["variants"], PROTOTYPES):
        vectors = torch.nn.functional.normalize(torch.randn(3, 32), dim=1)
        prompts = Prompts(ClassVectors(vectors, vectors, None), NAMES, model_id(clip), None)
        save_prompts(f"models/prompts/{variant}.safetensors", prompts)
    rng = np.random.default_rng(0)
    for name in ("a.png", "b.png"):
        Image.fromarray(rng.integers(0, 256, (20, 30, 3), dtype=np.uint8)).save(name)
    Path("c.png").write_bytes(b"no image")
    write_json("instances.json", instances(["a.png", "b.png", "c.png"], NAMES))
    return params


def test_a_failed_run_leaves_no_scores_and_the_next_one_all(study, capsys):
    refused_stage("score")
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("error: 1 of 3 images cannot be read: c.png")
    assert not Path("data/window_scores").exists()
    Image.new("RGB", (5, 5)).save("c.png")
    run_stage("score")
    assert capsys.readouterr().out.endswith("3 of 3 images -> data/window_scores\n")
    assert not Path("data/window_scores.partial").exists()
    (scores,) = read_shards("data/window_scores", "best")
    assert scores.ids == ["a", "b", "c"] and scores.global_.shape == (3, 17, 3) and scores.sims is not None
    assert next(read_shards("data/window_scores", "zero_shot")).sims is None


def test_a_skipped_image_is_listed(study, capsys):
    study["windows"]["skip_unreadable"] = True
    write_json("params.yaml", study)
    run_stage("score")
    printed = capsys.readouterr().out
    assert "skipped: c.png" in printed and printed.endswith("2 of 3 images -> data/window_scores\n")
    assert next(read_shards("data/window_scores", "best")).ids == ["a", "b"]


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("words.yaml", {"classes": {"cat": [], "cow": []}}, "other classes than the vocabulary"),
        ("params.yaml", {"precision": "fast"}, "written with precision exact, params.yaml says fast: train"),
    ],
)
def test_prompts_that_do_not_fit_are_named(study, capsys, file, content, said):
    write_json(file, content if file == "words.yaml" else study | content)
    refused_stage("score")
    assert f"zero_shot.safetensors: {said}" in capsys.readouterr().err


@pytest.mark.slow
def test_two_processes_score_what_one_does(study):
    """Over two shards of 32; to the byte, though torchrun gives each of two one thread."""
    files = [f"{number:02d}.png" for number in range(40)]
    for number, file in enumerate(files):
        Image.new("RGB", (8, 8), (6 * number, 0, 99)).save(file)
    write_json("instances.json", instances(files, NAMES))
    printed = torchrun("score.py")
    assert "rank 0 of 2 is done" in printed and "rank 1 of 2 is done" in printed
    shared = {path.name: path.read_bytes() for path in Path("data/window_scores.partial").iterdir()}
    assert len(shared) == 3  # two shards and the index
    run_stage("score")  # all is done: it takes the scores over
    assert {path.name: path.read_bytes() for path in Path("data/window_scores").iterdir()} == shared
    shutil.rmtree("data/window_scores")
    run_stage("score")
    assert {path.name: path.read_bytes() for path in Path("data/window_scores").iterdir()} == shared
