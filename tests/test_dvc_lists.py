"""What dvc.yaml lists by hand, against the variants of params.yaml and the imports of the stages."""

import ast
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
STAGES = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
PLOTS = yaml.safe_load((ROOT / "dvc.yaml").read_text())["plots"]
VARIANTS = yaml.safe_load((ROOT / "params.yaml").read_text())["variants"]
# They decide no output: an edit there must not re-run the study.
PLUMBING = {f"src/lexiclip/{name}.py" for name in ("errors", "files", "params")}


def test_every_variant_is_mixed_and_trained_once():
    assert STAGES["mix"]["matrix"]["variant"] == list(VARIANTS)
    trained = STAGES["train"]["matrix"]["variant"] + STAGES["train_ema"]["matrix"]["variant"]
    assert sorted(trained) == sorted(VARIANTS)


def test_ema_decay_reaches_ema_variants_alone():
    assert STAGES["train_ema"]["matrix"]["variant"] == ["ema", "zema", "diffh"]
    assert "train.ema_decay" in STAGES["train_ema"]["params"]
    of_others = [stage for name, stage in STAGES.items() if name != "train_ema"]
    assert not any({"train", "train.ema_decay"} & set(stage.get("params", [])) for stage in of_others)


@pytest.mark.parametrize("kind", ["deps", "params", "outs"])
@pytest.mark.parametrize("stage", [name for name, stage in STAGES.items() if "matrix" not in stage])
def test_what_a_stage_lists_for_one_variant_it_lists_for_all(stage, kind):
    entries = [
        entry if isinstance(entry, str) else next(iter(entry)) for entry in STAGES[stage].get(kind, [])
    ]
    for pattern in {entry.replace("zema", "{}") for entry in entries if "zema" in entry}:
        wanted = [pattern.format(variant) for variant in VARIANTS]
        assert [entry for entry in entries if entry in wanted] == wanted


@pytest.mark.parametrize(
    ("stage", "dep"),
    [
        ("encode_texts", "data/mixes/zema.jsonl"),
        ("score", "data/mixes/zema.jsonl"),
        ("score", "models/prompts/zema.safetensors"),
        ("ensemble", "metrics/captions_ap/zema.json"),
        ("evaluate", "data/scores/zema.npz"),
    ],
)
def test_a_stage_that_joins_variants_names_files_not_folders(stage, dep):
    assert dep in STAGES[stage]["deps"]


@pytest.mark.parametrize(
    ("title", "path"),
    [
        ("Loss of prompt tuning", "metrics/train/{}.csv"),
        ("Learning rate of prompt tuning", "metrics/train/{}.csv"),
        ("mAP on held-out captions", "metrics/train/{}.epochs.csv"),
    ],
)
def test_plots_show_every_variant(title, path):
    drawn = next(plot[title]["y"] for plot in PLOTS if title in plot)
    assert list(drawn) == [path.format(variant) for variant in VARIANTS]


def test_a_variant_that_starts_from_another_waits_for_it():
    for name, variant in VARIANTS.items():
        if variant["init_from"]:
            stage = STAGES["train_ema" if name in STAGES["train_ema"]["matrix"]["variant"] else "train"]
            assert f"models/prompts/{variant['init_from']}.safetensors" in stage["deps"]


@pytest.mark.parametrize("stage", ["mix", "heldout", "encode_texts", "baselines", "train", "train_ema"])
def test_code_deps_are_what_the_stage_imports(stage):
    script = STAGES[stage]["cmd"].split()[1]
    found = {dep for dep in STAGES[stage]["deps"] if dep.endswith(".py")}
    assert found == {script, *closure(script)} - PLUMBING


def closure(script):
    """The modules of src that a script imports, directly or through others."""
    found, waiting = set(), [script]
    while waiting:
        for node in ast.walk(ast.parse((ROOT / waiting.pop()).read_text())):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("lexiclip."):
                path = f"src/{node.module.replace('.', '/')}.py"
                if path not in found:
                    found.add(path)
                    waiting.append(path)
    return found
