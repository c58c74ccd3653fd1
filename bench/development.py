"""The study on development scenes, on which choices were made: other seeds than any test scene, other counts.

`python bench/development.py` draws each world, scores it with the prompts of models/ and writes mAP by views
and CF1, OF1 and calibration by rule to metrics/development.json. Ten minutes on two cores.
"""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from window_labels import labels_of_views, window_map

from lexiclip.clip.feature_store import open_store
from lexiclip.clip.loading import load_clip, model_id
from lexiclip.devices import best_device
from lexiclip.errors import run_stage
from lexiclip.evaluation.metrics import (
    calibration_error,
    f1_scores,
    mean_average_precision,
    reliability,
    top_decisions,
)
from lexiclip.files import read_jsonl, write_json
from lexiclip.images.datasets import Dataset, load_dataset
from lexiclip.mini.scenes import draw_scenes, load_world, write_scenes
from lexiclip.mixes import label_matrix
from lexiclip.params import PROTOTYPES, Params, load_params
from lexiclip.prompts.class_vectors import load_prompts
from lexiclip.scoring.ablation import view_rows
from lexiclip.scoring.cooccurrence import row_normalised
from lexiclip.scoring.decisions import fit_rule, probabilities, read_decisions
from lexiclip.scoring.ensemble import choose, class_mask, join, with_prototypes
from lexiclip.scoring.fusion import fuse_variant
from lexiclip.scoring.lift import log_lift, read_lift, with_lift
from lexiclip.scoring.retrieval import caption_sets
from lexiclip.scoring.window_pass import Texts, Windows, score_images
from lexiclip.scoring.window_store import read_ids
from lexiclip.vocabulary import Vocabulary, load_vocabulary

PATH = "metrics/development.json"
# Seed, and objects of the vocabulary in a scene; all else as in `scenes`.
WORLDS = {
    "alike": (11, (2, 6)),
    "alike, again": (12, (2, 6)),
    "few objects": (13, (1, 3)),
    "many": (14, (4, 9)),
}
SCENES = 400


def main() -> None:
    params = load_params()
    vocabulary = load_vocabulary(params.vocabulary.file, params.vocabulary.without)
    found = {}
    for name, (seed, objects) in WORLDS.items():
        with TemporaryDirectory() as folder:
            found[name] = measured(params, vocabulary, Path(folder), seed, objects)
        write_json(PATH, found)
        print(f"{name}: {found[name]} -> {PATH}")


def measured(
    params: Params, vocabulary: Vocabulary, folder: Path, seed: int, objects: tuple[int, int]
) -> dict:
    """What one world gives, in per cent."""
    labels = score_world(params, vocabulary, folder, seed, objects)
    names = vocabulary.names
    mask = class_mask(params.hard_classes(params.members), names)
    choice = choose(params.ensemble.choice, params.members, names, params.vocabulary.without)
    companions = row_normalised(np.load("data/cooccurrence.npz")["matrix"])
    lift = read_lift("models/lift.npz", names)
    of_captions = log_lift(label_matrix(read_jsonl("data/captions/multi.jsonl"), names).astype(np.float64))
    result: dict = {"labels of a scene": round(float((labels == 1).sum(1).mean()), 2)}
    for views, scales in (("17 views", [2]), ("53 views", [2, 3])):
        rows = view_rows([2, 3], ["square"], scales, ["square"])
        fused = {
            variant: fuse_variant(
                folder / "window_scores", variant, companions, **params.fusing(variant), views=rows
            ).windows
            for variant in params.scored
        }
        stacked = np.stack([fused[variant] for variant in params.members])
        joined = join(stacked, choice, mask, fused[PROTOTYPES], lift)
        shown = {name: fused[name] for name in ("zero_shot", "caption_mean", PROTOTYPES)}
        both = with_prototypes(joined["mean"], fused[PROTOTYPES])
        shown |= {
            "mean": joined["mean"],
            "mean and prototypes": both,
            "and the lift of captions": with_lift(both, of_captions),
            "ours": joined["ours"],
        }
        result[f"mAP, {views}"] = {
            name: in_per_cent(mean_average_precision(s, labels)) for name, s in shown.items()
        }
    of_views = labels_of_views(folder / "scenes/instances.json", read_ids(folder / "window_scores"), names)
    result["mAP of windows with one object"] = window_map(folder / "window_scores", params.scored, of_views)
    return result | {
        f"decisions of {rule}": decided(joined[rule], labels, names) for rule in ("mean", "ours")
    }


def decided(scores: np.ndarray, labels: np.ndarray, names: tuple[str, ...]) -> dict[str, list[float]]:
    """CF1 and OF1 of each rule, and of the best threshold for all, which the labels choose; then ECE."""
    prior, _ = read_decisions("models/decisions.json", names)
    rule = fit_rule(scores, prior)
    p = probabilities(scores, rule)
    cuts = [f1_scores(scores > cut, labels) for cut in np.quantile(scores, np.linspace(0.85, 0.995, 60))]
    by_rule = {
        "image mean": f1_scores(scores > scores.mean(1, keepdims=True), labels),
        "top 3": f1_scores(top_decisions(scores), labels),
        "ours": f1_scores(p >= rule.threshold, labels),
        "oracle": max(cuts, key=lambda f1: f1.cf1),
    }
    found = {name: [in_per_cent(f1.cf1), in_per_cent(f1.of1)] for name, f1 in by_rule.items()}
    return found | {"ECE": [in_per_cent(calibration_error(reliability(p, labels)))]}


def score_world(
    params: Params, vocabulary: Vocabulary, folder: Path, seed: int, objects: tuple[int, int]
) -> np.ndarray:
    """Draw the world in `folder` and score it there; its labels (N, K)."""
    dataset = draw_world(params, vocabulary, folder, seed, objects)
    clip = load_clip("models/clip", params.precision).to(best_device(params.precision))
    model = model_id(clip)
    vectors = {v: load_prompts(f"models/prompts/{v}.safetensors", model).vectors for v in params.scored}
    store = open_store("data/features", model)
    mixes = {v: read_jsonl(f"data/mixes/{v}.jsonl") for v in params.variants}
    rows = {v: store.rows(text["text"] for text in mix) for v, mix in mixes.items()}
    captions = caption_sets(store.global_features(range(len(store.index)), next(clip.parameters())), rows)
    score_images(
        clip,
        list(zip(dataset.ids, dataset.paths, strict=True)),
        Texts(vocabulary.names, vectors, captions),
        Windows([2, 3], ["square"]),
        folder / "window_scores",
        workers=params.windows.workers,
    )
    return dataset.labels


def draw_world(
    params: Params, vocabulary: Vocabulary, folder: Path, seed: int, objects: tuple[int, int]
) -> Dataset:
    """Draw the scenes of a world in `folder`."""
    names = vocabulary.names
    world = load_world(names, params.scenes.clutter)
    how = params.scenes.model_dump() | {"count": SCENES, "objects": objects, "seed": seed}
    write_scenes(draw_scenes(world.sprites, world.themes, names, **how), names, folder / "scenes")
    return load_dataset(folder / "scenes/instances.json", folder / "scenes/images", vocabulary, None)


def in_per_cent(value: float) -> float:
    return round(100 * value, 1)


if __name__ == "__main__":
    run_stage(main)
