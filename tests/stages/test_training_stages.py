"""From captions to prompts through the stages themselves: mix, encode_texts, train in an empty folder."""

import csv
import json
import shutil
from pathlib import Path

import pytest
import torch
from tests.clones import committed_params
from tests.conftest import ROOT
from tests.stages.running import refused_stage, run_stage, torchrun, write_study
from tests.tiny import tiny_config

from lexiclip.files import read_yaml, write_json, write_jsonl
from lexiclip.prompts.class_vectors import load_prompts

NAMES = ["person", "dog", "fork", "knife"]
PAIRS = [(a, b) for i, a in enumerate(NAMES) for b in NAMES[i + 1 :]]


@pytest.fixture
def refused(capsys):
    """refused(stage, …): the one line with which a stage refuses to run."""

    def refused(stage, *arguments):
        capsys.readouterr()
        refused_stage(stage, *arguments)
        line = capsys.readouterr().err.strip().split("\n")[-1]
        assert line.startswith("error: ")
        return line

    return refused


@pytest.fixture
def captions(tmp_path, monkeypatch):
    """A folder with captions and params: `best` on all classes, `next` goes on from it on two hard ones."""
    monkeypatch.chdir(tmp_path)
    best = committed_params()["variants"]["best"]
    best["train"] |= {"n_ctx": 4, "lr": 0.001, "epochs": 3, "keep_epoch": "heldout"}
    best["mix"]["texts"] = {"multi": "x2", "class": True}
    later = {"init_from": "best", "cooccurrence_loss": True, "lr": 1e-12, "warmup_lr": 1e-12, "keep_epoch": 1}
    hard = {"hard_classes": ["fork", "knife"]}
    write_study(
        NAMES,
        precision="exact",
        clip={"model": "tiny.json", "weights": "random"},
        mix={"heldout_share": 0.3, "rare_classes": []},
        train={"batch_size": 128},
        variants={"best": best, "next": best | {"train": best["train"] | later, "mix": best["mix"] | hard}},
        ensemble={"variants": ["best"]},
    )
    write_json("tiny.json", tiny_config())
    write_json("src/lexiclip/templates/things.yaml", ["tree"])
    shutil.copy(ROOT / "src/lexiclip/templates/imagenet.yaml", "src/lexiclip/templates")
    write_json("data/captions/class_sets.json", {"sets": [["person", "dog"]]})
    captions = [
        {"text": f"A {a} and a {b}, as in photo {i}.", "labels": [a, b], "source": "multi"}
        for a, b in PAIRS
        for i in range(8)
    ]
    for source in ("multi", "single", "challenge", "wild", "world"):
        write_jsonl(f"data/captions/{source}.jsonl", captions if source == "multi" else [])


@pytest.fixture
def study(captions):
    """The same after all stages before the training."""
    for stage in ("mix", "clip", "encode_texts", "baselines"):
        run_stage(stage)


def rows_of(path):
    with Path(path).open(newline="") as file:
        return list(csv.DictReader(file))


def test_from_captions_to_prompts(study, capsys):
    run_stage("mix")
    assert "356 class" in capsys.readouterr().out
    for variant in ("best", "next"):
        run_stage("train", variant)
    best, later = (load_prompts(f"models/prompts/{variant}.safetensors") for variant in ("best", "next"))
    for reached, start in zip(later.contexts, best.contexts, strict=True):
        torch.testing.assert_close(reached, start, rtol=0, atol=1e-6)  # at that rate it stays where it began
    steps, epochs = rows_of("metrics/train/best.csv"), rows_of("metrics/train/best.epochs.csv")
    assert list(steps[0]) == ["step", "epoch", "lr", "loss"]
    assert list(epochs[0]) == ["step", "epoch", "lr", "loss", "caption_mAP"]
    assert [row["epoch"] for row in epochs] == ["1", "2", "3"] and epochs[-1]["step"] == steps[-1]["step"]
    measured = {v: json.loads(Path(f"metrics/captions_ap/{v}.json").read_text()) for v in ("best", "next")}
    assert measured["best"]["mAP"] == max(float(row["caption_mAP"]) for row in epochs)
    assert list(measured["best"]["per_class"]) == NAMES and list(measured["next"]["per_class"]) == NAMES[2:]
    assert not list(Path("models/prompts").glob("*.partial"))


def test_what_train_refuses(study, refused):
    line = refused("train", "next")
    assert "models/prompts/best.safetensors" in line
    mix = Path("data/mixes/best.jsonl")
    mix.write_text(mix.read_text().replace("a photo of a fork.", "a photo of one lonely fork."))
    assert "'a photo of one lonely fork.'" in refused("train", "best")
    features = Path("data/features/features.npy")
    features.write_bytes(features.read_bytes()[:-50])
    assert "data/features" in refused("train", "best")


def changed(change):
    """params.yaml after change(params)."""
    params = read_yaml("params.yaml")
    change(params)
    write_json("params.yaml", params)


def test_class_lists_outside_the_vocabulary_are_told(captions, refused, capsys):
    changed(lambda params: params["variants"]["next"]["mix"]["hard_classes"].append("zebra"))
    said = "error: variants.next.mix.hard_classes: the vocabulary has no class 'zebra'"
    assert refused("mix") == said
    changed(lambda params: params["vocabulary"].update(without=["zebra"]))
    write_json("words.yaml", {"classes": dict.fromkeys([*NAMES, "zebra"])})
    run_stage("mix")
    told = "variants.next.mix.hard_classes: left out by vocabulary.without: zebra"
    assert told in capsys.readouterr().out
    changed(lambda params: params["mix"].update(rare_classes=["forks"]))
    said = "error: mix.rare_classes: the vocabulary has no class 'forks' (did you mean 'fork'?)"
    assert refused("mix") == said


@pytest.mark.slow
def test_two_processes_tune_what_one_does(study):
    """To the byte, with batches of an odd size: what adds up differently is rounded away at each step."""
    changed(lambda params: params["train"].update(batch_size=127))
    changed(lambda params: params["variants"]["best"]["train"].update(average="ema_decay"))
    torchrun("train.py", "best")
    shared = load_prompts("models/prompts/best.safetensors")
    Path("models/prompts/best.safetensors").unlink()
    run_stage("train", "best")
    alone = load_prompts("models/prompts/best.safetensors")
    for of_two, of_one in zip(shared.contexts, alone.contexts, strict=True):
        assert torch.equal(of_two, of_one)


@pytest.mark.parametrize("given", [[], ["nope"], ["best", "next"]])
def test_training_asks_for_a_variant_of_params_yaml(captions, refused, given):
    said = refused("train", *given)
    assert said.endswith(f"{' '.join(given) or 'no variant'}: name one of params.yaml: best, next")


def test_a_mix_that_lacks_a_class_names_its_variant(captions, refused):
    changed(lambda params: params["variants"]["next"]["mix"].update(texts={}))
    said = "error: variants.next.mix.texts: no text of fork, knife: add a source, such as `class: true`"
    assert refused("mix") == said
