"""The profile of the reference study, cut down to minutes: RN50 at its true size, random weights, 8 photos.

Every stage runs, from a language model's answers to metrics, as `cp profiles/coco.yaml params.yaml` has it.
"""

import json
from pathlib import Path

import numpy as np
import yaml
from PIL import Image
from tests.conftest import SHARED
from tests.pipeline.conftest import copied


def cut_down(params: dict, smollm2_folder: str) -> None:
    """What takes hours, a download or a GPU is made small; every switch stays as the profile has it."""
    params["language_model"] |= {"model": smollm2_folder, "trust_remote_code": False, "batch_size": 64}
    params["compose"].update(questions=16, max_new_tokens=40)
    params["write"].update(
        instructions="data/instructions/small.yaml", max_new_tokens=24
    )  # it heeds no instruction
    params["captions"]["multi"]["asks_per_set"] = 3
    params["captions"]["single"]["asks_per_class"] = 1
    params["captions"]["challenge"]["asks_per_class"] = 1
    params["judge"]["judges"] = []  # it says no to everything
    params["clip"]["weights"] = "random"
    params["scenes"]["count"] = 16
    photos = (SHARED / "photos/coco").resolve()
    if not photos.is_dir():
        photos = Path("data/scenes")
    params["images"] = {"labels": f"{photos}/instances.json", "folder": f"{photos}/images", "limit": 8}
    params["ceiling"] |= params["images"] | {"limit": 4}
    for variant in params["variants"].values():
        variant["train"].update(n_ctx=4, epochs=1, keep_epoch=1, warmup_epochs=0)
        variant["mix"]["texts"] = dict.fromkeys(variant["mix"]["texts"], 20) | {"class": True}
    params["windows"].update(scales=[2], shapes=["square"], workers=0)


def test_the_reference_study_runs_from_captions_to_metrics(tmp_path, smollm2_folder):
    study = copied(tmp_path)
    profile = yaml.safe_load((study.root / "profiles/coco.yaml").read_text())
    cut_down(profile, smollm2_folder)
    profile["prototypes"]["images"] = "unlabelled"
    (study.root / "unlabelled").mkdir()
    for name in "abcdef":
        pixels = np.random.default_rng(ord(name)).integers(0, 255, (80, 120, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(study.root / f"unlabelled/{name}.jpg")
    (study.root / "params.yaml").write_text(yaml.safe_dump(profile, sort_keys=False))
    templates = study.root / "src/lexiclip/templates/imagenet.yaml"
    templates.write_text(yaml.safe_dump(yaml.safe_load(templates.read_text())[:2]))
    reproduced = study.run("dvc", "repro")
    assert reproduced.returncode == 0, reproduced.stdout[-2000:] + reproduced.stderr[-2000:]
    assert "up to date" in study.run("dvc", "status", "dvc.yaml").stdout
    config = json.loads((study.root / "models/clip/open_clip_config.json").read_text())
    assert config["model_cfg"]["vision_cfg"]["layers"] == [3, 4, 6, 3]
    metrics = json.loads((study.root / "metrics/metrics.json").read_text())
    for variant in profile["variants"]:
        assert 0 < metrics[variant]["whole"]["mAP"] < 100 and 0 < metrics[variant]["windows"]["mAP"] < 100
    assert 0 < metrics["ensemble"]["mAP"] < 100
    predictions = json.loads((study.root / "data/impreds.json").read_text())
    assert [len(row) for row in predictions] == [80] * 8
