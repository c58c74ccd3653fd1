"""Which variants of params.yaml dvc.yaml trains how, and what else they wait for."""

from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
STAGES = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
VARIANTS = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))["variants"]


def test_ema_decay_reaches_ema_variants_alone():
    assert STAGES["train"]["matrix"]["variant"] == ["best", "diff", "difft"]
    assert STAGES["train_ema"]["matrix"]["variant"] == ["ema", "zema", "diffh"]
    readers = [name for name, stage in STAGES.items() if {"train", "train.ema_decay"} & {*stage["params"]}]
    assert readers == ["train_ema"]


def test_a_variant_that_starts_from_another_waits_for_it():
    for name, variant in VARIANTS.items():
        if variant["init_from"]:
            stage = STAGES["train_ema" if name in STAGES["train_ema"]["matrix"]["variant"] else "train"]
            assert f"models/prompts/{variant['init_from']}.safetensors" in stage["deps"]
