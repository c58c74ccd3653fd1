"""Stage development: the study on scenes on which choices are made, one world of development/worlds.yaml.

mAP by views and by what the ensemble is joined of, decisions by rule, what each branch knows of single
objects, and the ablation. Scenes and window scores are not kept.
"""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from pydantic import BaseModel

from lexiclip.clip.loading import load_clip
from lexiclip.devices import best_device
from lexiclip.errors import InputError, run_stage
from lexiclip.evaluation.metrics import mean_average_precision
from lexiclip.evaluation.tables import decisions_by_rule
from lexiclip.evaluation.window_labels import labels_of_views, window_map
from lexiclip.files import read_jsonl, read_npz, read_yaml, write_csv, write_json
from lexiclip.images.datasets import load_dataset
from lexiclip.mini.scenes import make_scenes
from lexiclip.mixes import label_matrix
from lexiclip.params import PROTOTYPES, Params, ScenesParams, load_params
from lexiclip.scoring.ablation import ablate, view_rows
from lexiclip.scoring.cooccurrence import row_normalised
from lexiclip.scoring.decisions import read_decisions
from lexiclip.scoring.ensemble import join, load_ensemble, with_prototypes
from lexiclip.scoring.fusion import fuse_variant
from lexiclip.scoring.lift import log_lift, with_lift
from lexiclip.scoring.window_pass import Windows, score_images, study_texts
from lexiclip.scoring.window_store import read_ids
from lexiclip.validation import checked
from lexiclip.vocabulary import load_vocabulary

WORLDS = "development/worlds.yaml"


class Worlds(BaseModel):
    """What each world has in place of params of `scenes`, by name."""

    worlds: dict[str, dict[str, Any]]


def main() -> None:
    params = load_params()
    world, worlds = " ".join(sys.argv[1:]), checked(Worlds, read_yaml(WORLDS), WORLDS).worlds
    vocabulary = load_vocabulary(params.vocabulary.file, params.vocabulary.without)
    if world not in worlds:
        raise InputError(f"{WORLDS}: no world {world!r}, choose from {', '.join(worlds) or 'none'}")
    with TemporaryDirectory() as folder:
        scenes, scores = Path(folder, "scenes"), Path(folder, "window_scores")
        merged = params.scenes.model_dump() | worlds[world]
        how = checked(ScenesParams, merged, f"{WORLDS}: {world}")
        make_scenes(vocabulary.names, how.model_dump(), scenes)
        dataset = load_dataset(scenes / "instances.json", scenes / "images", vocabulary, None)
        score(params, list(zip(dataset.ids, dataset.paths, strict=True)), vocabulary.names, scores)
        found, ablation = measured(params, vocabulary.names, scores, dataset.labels)
        of_views = labels_of_views(scenes / "instances.json", read_ids(scores), vocabulary.names)
        found["mAP of windows with one object"] = window_map(scores, params.scored, of_views)
    write_json(f"metrics/development/{world}.json", found)
    write_csv(f"metrics/development/{world}.csv", ablation)
    for name, figures in found.items():
        print(f"{name}: {figures}")
    print(f"-> metrics/development/{world}.json, metrics/development/{world}.csv")


def score(params: Params, images: list[tuple[str, Path]], names: tuple[str, ...], folder: Path) -> None:
    """The windows of the study, of every image by every variant, as the stage score writes them."""
    clip = load_clip("models/clip", params.precision).to(best_device(params.precision))
    texts = study_texts(clip, names, params.scored, params.variants)
    score_images(clip, images, texts, Windows([2, 3], ["square"]), folder, workers=params.windows.workers)


def measured(
    params: Params, names: tuple[str, ...], folder: Path, labels: np.ndarray
) -> tuple[dict, list[dict]]:
    """The figures of a world, in per cent, and the rows of its ablation."""
    ensemble = load_ensemble(params, names)
    companions = row_normalised(read_npz("data/cooccurrence.npz")["matrix"])
    of_captions = log_lift(label_matrix(read_jsonl("data/captions/multi.jsonl"), names).astype(np.float64))
    prior, _ = read_decisions("models/decisions.json", names)
    fusing = {variant: params.fusing(variant) for variant in params.scored}
    found: dict = {"labels of a scene": round(float((labels == 1).sum(1).mean()), 2)}
    for views, scales in (("17 views", [2]), ("53 views", [2, 3])):
        rows = view_rows([2, 3], ["square"], scales, ["square"])
        fused = {
            v: fuse_variant(folder, v, companions, **how, views=rows).windows for v, how in fusing.items()
        }
        joined = join(fused, ensemble)
        both = with_prototypes(joined["mean"], fused[PROTOTYPES])
        shown = {name: fused[name] for name in ("zero_shot", "caption_mean", PROTOTYPES)} | {
            "mean": joined["mean"],
            "mean and prototypes": both,
            "and the lift of captions": with_lift(both, of_captions),
            "ours": joined["ours"],
        }
        found[f"mAP, {views}"] = {
            name: round(100 * mean_average_precision(scores, labels), 1) for name, scores in shown.items()
        }
    for rule in ("mean", "ours"):
        found[f"decisions of {rule}"] = decisions_by_rule(joined[rule], labels, prior)
    return found, ablate(folder, companions, fusing, labels, ensemble, params.ensemble.rule)


run_stage(main)
