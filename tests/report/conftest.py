"""A small study with names that would break a careless page, and the page made of it by the stage."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.clones import committed_params
from tests.coco import instances
from tests.random_prompts import write_prompts
from tests.stages.running import run_stage, write_study

from lexiclip.evaluation.study_scores import write_scores
from lexiclip.files import write_csv, write_json
from lexiclip.scoring.window_store import shard_path, write_shard

NAMES = (
    "<script>alert(1)</script>",
    'a "dog" & co',
    "fox",
    "狐",
    "a class whose name is far too long for any label",
)
FILES = ["<b>bold</b>.png".replace("/", ""), *(f"{number:02d}.png" for number in range(1, 26))]
SCORED = ["zero_shot", "caption_mean", "best", "ema", "prototypes"]
SIZES = [(90, 60), (60, 90), (200, 40), (7, 5), (640, 480)]


@pytest.fixture(scope="session")
def project(tmp_path_factory) -> Path:
    """All that the stages evaluate and report read: random scores, prompts and training, two variants."""
    root, rng = tmp_path_factory.mktemp("project"), np.random.default_rng(0)
    write_params(root)
    write_images_and_labels(root, rng)
    ids = [Path(file).stem for file in FILES]
    for path in (*(f"scores/{variant}" for variant in (*SCORED, "ensemble")), "ceiling"):
        scores = rng.normal(size=(len(FILES), len(NAMES)))
        others = {"mean": scores} if path == "scores/ensemble" else {"whole": scores + 1}
        write_scores(root / f"data/{path}.npz", ids, NAMES, scores, **others)
    settings = {"names": NAMES, "variants": SCORED, "scales": [2], "shapes": ["square"]}
    write_json(root / "data/window_scores/index.json", {**settings, "shards": [ids]})
    views = {
        f"{variant}.{branch}": rng.normal(size=(len(FILES), 17, len(NAMES))).astype(np.float16)
        for variant in SCORED
        for branch in ("global", "local")
    }
    write_shard(shard_path(root / "data/window_scores", 0), views, {**settings, "ids": ids})
    for variant in SCORED:
        write_json(root / f"metrics/captions_ap/{variant}.json", {"per_class": {}})
    write_prompts(root, NAMES)
    for variant, epochs in (("best", 1), ("ema", 3)):
        steps = [{"step": 1 + i, "loss": 40 / (1 + i)} for i in range(250 * epochs)]
        write_csv(root / f"metrics/train/{variant}.csv", steps)
        ends = [{"epoch": 1 + i, "caption_mAP": 90.0 + i} for i in range(epochs)]
        write_csv(root / f"metrics/train/{variant}.epochs.csv", ends)
    matrix = np.triu(rng.random((len(NAMES), len(NAMES))), 1)
    np.savez(root / "data/cooccurrence.npz", names=np.array(NAMES), matrix=matrix)
    write_caption_counts(root)
    run_stage("evaluate", folder=root)
    ablation = [{"change": "as in params.yaml", "best": 50.0, "ensemble": 60.0},
                {"change": "windows: none", "best": 48.5, "ensemble": 61.0}]  # fmt: skip
    write_csv(root / "metrics/ablation.csv", ablation)
    return root


def write_params(root: Path) -> None:
    variants = {name: committed_params()["variants"][name] for name in ("best", "ema")}
    variants["best"]["train"]["keep_epoch"] = 1
    variants["ema"]["train"]["keep_epoch"] = "heldout"
    write_study(
        NAMES,
        root,
        precision="exact",
        windows={"scales": [2], "workers": 0},
        variants=variants,
        ensemble={"variants": ["zero_shot", "best"], "rule": "mean"},
    )


def write_images_and_labels(root: Path, rng: np.random.Generator) -> None:
    (root / "images").mkdir()
    for number, file in enumerate(FILES):
        width, height = SIZES[number % len(SIZES)]
        pixels = rng.integers(0, 255, (height, width, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(root / "images" / file)
    shown = np.argwhere(rng.random((len(FILES) - 1, len(NAMES))) < 0.4)  # the last image shows nothing
    write_json(root / "instances.json", instances(FILES, NAMES, shown.tolist()))


def write_caption_counts(root: Path) -> None:
    for caption_set, asked in {"multi": 1200, "single": 30, "challenge": 0, "wild": 0, "world": 40}.items():
        write_json(root / f"metrics/captions/{caption_set}.json", {
            "asked": asked, "answered": asked, "parsed": asked,
            "left_after": {"short": asked, "no_class": asked * 9 // 10},
            "kept": asked * 9 // 10, "characters": {"mean": 40.5}, "classes_per_caption": 1.5,
            "fewest_per_class": asked // 10,
            "per_class": {name: asked // (2 + k) for k, name in enumerate(NAMES)},
        })  # fmt: skip


@pytest.fixture(scope="session")
def page(project) -> Path:
    """The page of the small study."""
    run_stage("report", folder=project)
    return project / "metrics/report.html"


@pytest.fixture(scope="session")
def unlabelled_page(project, tmp_path_factory) -> Path:
    """The page of the same photos where nobody labelled them and nothing was measured."""
    root = tmp_path_factory.mktemp("unlabelled")
    (root / "metrics").mkdir()
    for name in ("words.yaml", "models", "data", "images", "metrics/captions", "metrics/train"):
        (root / name).symlink_to(project / name)
    params = json.loads((project / "params.yaml").read_text())
    params["images"] |= {"labels": "photos.csv"}
    write_json(root / "params.yaml", params)
    (root / "photos.csv").write_text("image\n" + "\n".join(FILES) + "\n")
    run_stage("report", folder=root)
    return root / "metrics/report.html"
