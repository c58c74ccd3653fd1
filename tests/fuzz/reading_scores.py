"""Readers of what stages hand each other and other systems hand us: features, prompts, scores, choices."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from tests.fuzz.reader import INSTANCES, NAMES, Reader, all_of, file_of, one_file

from lexiclip.clip import feature_store
from lexiclip.evaluation.evaluate_files import evaluate_files
from lexiclip.evaluation.study_scores import read_scores_file, write_scores
from lexiclip.files import write_json
from lexiclip.prompts.class_vectors import ClassVectors, Prompts, load_prompts, save_prompts
from lexiclip.prompts.contexts import init_contexts
from lexiclip.scoring.decisions import caption_prior, default_rule, read_decisions, write_decisions
from lexiclip.scoring.ensemble import read_caption_ap, read_choice
from lexiclip.scoring.fusion import fuse_variant
from lexiclip.scoring.window_store import read_index, shard_path, write_shard

MODEL = "0123456789abcdef exact"


def store(folder: Path) -> None:
    texts = ["a cat", "a dog", "a hot dog"]
    np.save(folder / "features.npy", np.ones((7, 3), np.float16))
    np.save(folder / "offsets.npy", np.array([0, 2, 4, 7]))
    write_json(folder / "texts.json", texts)
    write_json(folder / "header.json", {"model": MODEL, **feature_store._description(texts, (7, 3))})


def use_store(folder: Path) -> None:
    opened = feature_store.open_store(folder, MODEL)
    rows, like = opened.rows(opened.index), torch.empty(0, dtype=torch.float64)
    assert opened.batch(rows, like).global_.shape == opened.global_features(rows, like).shape


def windows(folder: Path) -> None:
    settings = {"names": list(NAMES), "variants": ["best"], "scales": [2], "shapes": ["square"]}
    shards = [["a", "b"], ["c"]]
    write_json(folder / "index.json", {**settings, "shards": shards})
    for i, ids in enumerate(shards):
        shapes = dict.fromkeys(("global", "local", "retrieved"), (len(ids), 3, 3)) | {"sims": (len(ids), 3)}
        tensors = {f"best.{key}": np.ones(shape, np.float16) for key, shape in shapes.items()}
        write_shard(shard_path(folder, i), tensors, {**settings, "ids": ids})


def use_windows(folder: Path) -> None:
    read_index(folder, NAMES)
    weights = {"local_weight": 1.0, "window_weight": 1.5, "companion_weight": 0.5}
    found = fuse_variant(
        folder, "best", np.zeros((3, 3)), form="plain", threshold=0.2, retrieval=True, **weights
    )
    assert found.windows.shape == found.whole.shape == (len(found.ids), 3)


def prompts(folder: Path) -> None:
    vectors = ClassVectors(torch.ones(3, 5), torch.zeros(3, 5), torch.ones(3, 5))
    contexts = init_contexts(2, 4, evidence=True, seed=0)
    save_prompts(folder / "best.safetensors", Prompts(vectors, NAMES, MODEL, contexts))


def use_prompts(folder: Path) -> None:
    found = load_prompts(folder / "best.safetensors", MODEL)
    for vectors in found.vectors:
        assert vectors is None or (vectors @ torch.ones(vectors.shape[1])).shape == (len(found.names),)


def scores(folder: Path) -> None:
    table = np.array([[0.1, 0.2, 0.3], [0.3, 0.2, 0.1]])
    write_scores(folder / "scores.npz", ["a", "b"], NAMES, table, whole=table)


def use_scores(folder: Path) -> None:
    ids, arrays = read_scores_file(folder / "scores.npz", NAMES)
    assert arrays["scores"].shape == (len(ids), len(NAMES))


def decisions(folder: Path) -> None:
    prior = caption_prior(2.0, np.ones(len(NAMES)))
    write_decisions(folder / "decisions.json", NAMES, prior, {"ensemble": default_rule(len(NAMES))})


def evaluation(name: str) -> Callable[[Path], dict]:
    return lambda folder: evaluate_files(folder / name, folder / "labels.json")


def use_decisions(folder: Path) -> None:
    read_decisions(folder / "decisions.json", NAMES)


LABELS = file_of("labels.json", INSTANCES)
TABLE = file_of("scores.json", {"ids": ["a", "b"], "names": NAMES, "scores": [[0.1, 0.2, 3], [0, 0, 1]]})
CAPTION_AP = {"mAP": 50.0, "per_class": {"cat": 20.0, "dog": 30.5}}
CHOICE = {"best": ["cat"], "ema": ["dog", "hot dog"]}
READERS = {
    "feature store": Reader(store, use_store, 1000),
    "window store": Reader(windows, use_windows, 600),
    "prompts": Reader(prompts, use_prompts, 600),
    "scores file": Reader(scores, use_scores, 500),
    "evaluate npz": Reader(all_of(scores, LABELS), evaluation("scores.npz"), 200, "scores.npz"),
    "evaluate json": Reader(all_of(TABLE, LABELS), evaluation("scores.json"), 300),
    "decisions": Reader(decisions, use_decisions, 300),
    "caption ap": one_file("best.json", CAPTION_AP, lambda path: read_caption_ap([path], NAMES), 150),
    "choice": one_file("choice.json", CHOICE, lambda path: read_choice(path, ("best", "ema"), NAMES), 200),
}
