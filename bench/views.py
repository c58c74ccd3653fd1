"""mAP and seconds by the number of views of a photo, on a development world, as `lexiclip predict` scores it.

`python bench/views.py` scores all 305 views once, in float32, fuses some of them, and writes
metrics/views.json and metrics/views.svg. It also tries a first pass of five views, with more of them only
where a class is undecided. Three minutes on two cores.
"""

import time
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import numpy as np
import torch
from matplotlib import rc_context
from matplotlib.figure import Figure

from lexiclip.clip.image_tower import ImageFeatures, encode_views
from lexiclip.clip.loading import preprocess_size
from lexiclip.errors import run_stage
from lexiclip.evaluation.metrics import calibration_error, f1_scores, mean_average_precision, reliability
from lexiclip.files import atomic_path, read_yaml, write_json
from lexiclip.images.datasets import load_dataset
from lexiclip.images.views import load_rgb, view_pixels
from lexiclip.images.windows import SHAPES, windows
from lexiclip.mini.scenes import make_scenes
from lexiclip.params import PROTOTYPES, load_params
from lexiclip.predict import Photo, Predictor, label, load_study
from lexiclip.scoring.ablation import view_rows
from lexiclip.scoring.ensemble import mean_standardised
from lexiclip.scoring.fusion import fuse_scores, fuse_variant
from lexiclip.scoring.lift import with_lift
from lexiclip.scoring.retrieval import caption_sets
from lexiclip.scoring.window_pass import Texts, Windows, score_images, window_scores
from lexiclip.scoring.window_store import WindowScores, read_shards
from lexiclip.vocabulary import load_vocabulary

PATH, PICTURE = "metrics/views.json", "metrics/views.svg"
WORLD, SCENES, TIMED = "alike", 200, 12  # the last: photos to time
ALL = Windows([2, 3, 4], SHAPES)
FIRST = [0, 1, 4, 13, 16]  # the whole image and those of the windows of scale 2 that do not overlap
# For each of these quarters, all windows of scale 2, a grid of 4 by 4, whose centres lie in it.
QUARTERS = [
    [1 + 4 * (top + row) + left + column for row, column in product((0, 1), repeat=2)]
    for top, left in product((0, 2), repeat=2)
]
GROUPS = {
    "whole image": [0],
    "quarters": FIRST,
    **{
        name: view_rows(*ALL[:2], scales, shapes)
        for name, scales, shapes in (
            ("scale 2", [2], ["square"]),
            ("scale 2, all shapes", [2], SHAPES),
            ("scales 2, 3", [2, 3], ["square"]),
            ("scales 2, 3, all shapes", [2, 3], SHAPES),
            ("scales 2, 3, 4, all shapes", [2, 3, 4], SHAPES),
        )
    },
}
BOUNDS = (0.1, 0.2, 0.3)  # a class is undecided whose probability lies between this and one minus this


def main() -> None:
    params = load_params()
    vocabulary = load_vocabulary(params.vocabulary.file, params.vocabulary.without)
    study = load_study()
    clip = study.clip.float()
    study = study._replace(vectors={name: parts.to(torch.float32) for name, parts in study.vectors.items()})
    with TemporaryDirectory() as folder:
        world = read_yaml("development/worlds.yaml")["worlds"][WORLD]
        how = params.scenes.model_dump() | world | {"count": SCENES}
        make_scenes(vocabulary.names, how, Path(folder, "scenes"))
        dataset = load_dataset(f"{folder}/scenes/instances.json", f"{folder}/scenes/images", vocabulary, None)
        images = list(zip(dataset.ids, dataset.paths, strict=True))
        texts = Texts(study.names, study.vectors, caption_sets(torch.empty(0, 1), {}))
        score_images(clip, images, texts, ALL, Path(folder, "scores"), workers=study.workers)
        found = measured(study, Path(folder, "scores"), dataset.labels)
        for name, seconds in timed(study, dataset.paths[:TIMED]).items():
            found[name]["seconds"] = seconds
    write_json(PATH, found)
    draw(found)
    for name, figures in found.items():
        print(f"{name:<28}{figures}")
    print(f"-> {PATH}, {PICTURE}")


def measured(study: Predictor, folder: Path, labels: np.ndarray) -> dict[str, dict[str, float]]:
    """The figures of each group of views and of each second pass, from scores of all views in `folder`."""
    found = {}
    for name, rows in GROUPS.items():
        found[name] = figures(study, fused(study, folder, rows), labels, len(rows))
    patterns = list(product((False, True), repeat=len(QUARTERS)))
    rows_of = [rows_in(pattern) for pattern in patterns]
    of_patterns = [fused(study, folder, rows) for rows in rows_of]
    first = {variant: first_pass(folder, variant) for variant in study.vectors}
    for bound in BOUNDS:
        quarters = undecided(study, first, bound)
        whole_images = quarters | quarters.any(1, keepdims=True)
        for name, chosen in (("images", whole_images), ("windows", quarters)):
            places = [patterns.index(tuple(of_image)) for of_image in chosen.tolist()]
            scores = {
                rule: np.stack([of_patterns[place][rule][i] for i, place in enumerate(places)])
                for rule in of_patterns[0]
            }
            views = np.mean([len(rows_of[place]) for place in places])
            found[f"{name} undecided, {bound}"] = figures(study, scores, labels, round(float(views), 1))
    return found


def fused(study: Predictor, folder: Path, rows: Sequence[int]) -> dict[str, np.ndarray]:
    """Scores (N, K) of zero-shot and of both ensembles by the views `rows`."""
    of_variant = {
        variant: fuse_variant(folder, variant, None, **how, views=rows).windows
        for variant, how in study.fusing.items()
    }
    of_text = [scores for variant, scores in of_variant.items() if variant != PROTOTYPES]
    mean = mean_standardised(np.stack(of_text), study.mask)
    ours = with_lift(study.ensemble(list(of_variant.values())), study.lift)
    return {"zero_shot": of_variant["zero_shot"], "mean": mean, "ours": ours}


def figures(study: Predictor, scores: dict[str, np.ndarray], labels: np.ndarray, views: float) -> dict:
    """mAP of each of `scores`; CF1 and ECE of ours, all in per cent; its labels of an image, those that
    probabilities add up to and those predicted."""
    p = study.probabilities(scores["ours"])
    present = p >= study.rule.threshold
    return {
        "views": views,
        **{rule: in_per_cent(mean_average_precision(of, labels)) for rule, of in scores.items()},
        "CF1": in_per_cent(f1_scores(present, labels).cf1),
        "expected": round(float(p.sum(1).mean()), 2),
        "present": round(float(present.sum(1).mean()), 2),
        "ECE": in_per_cent(calibration_error(reliability(p, labels))),
    }


def first_pass(folder: Path, variant: str) -> WindowScores:
    """A variant's scores of the views FIRST."""
    branches = zip(*(shard[1:3] for shard in read_shards(folder, variant)), strict=True)
    return WindowScores([], *(np.concatenate(branch)[:, FIRST] for branch in branches), None, None)


def undecided(study: Predictor, first: dict[str, WindowScores], bound: float) -> np.ndarray:
    """Whether to look closer at each quarter (N, 4): whether the local branch finds there, more than in the
    others, a class that the first pass leaves undecided."""
    fused = [fuse_scores(scores, None, **study.fusing[v]).windows for v, scores in first.items()]
    p = study.probabilities(study.ensemble(fused))  # (N, K)
    found_in = study.ensemble([scores.local[:, 1:] for scores in first.values()]).argmax(1)  # (N, K)
    open_ = (p > bound) & (p < 1 - bound)
    return np.stack([(open_ & (found_in == quarter)).any(1) for quarter in range(len(QUARTERS))], axis=1)


def rows_in(quarters: Sequence[bool]) -> list[int]:
    """The first pass's views and the windows of scale 2 in the quarters chosen, in the order of all."""
    chosen = [row for rows, kept in zip(QUARTERS, quarters, strict=True) if kept for row in rows]
    return sorted({*FIRST, *chosen})


def timed(study: Predictor, paths: Sequence[Path]) -> dict[str, float]:
    """Seconds of one core for a photo, decoding and labels included: the median, all ways in turn on each."""
    ways = {name: (rows, None) for name, rows in GROUPS.items()}
    ways |= {f"windows undecided, {bound}": (FIRST, bound) for bound in BOUNDS}
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for path in [paths[0], *paths]:  # the first time does not count
        for name, (rows, bound) in ways.items():
            start = time.process_time()
            photo = encoded(study, path, rows)
            if bound is not None:
                (quarters,) = undecided(study, window_scores(photo.features, study.vectors), bound)
                photo = encoded(study, path, [row for row in rows_in(quarters) if row not in FIRST], photo)
            label(study, photo)
            seconds[name].append(time.process_time() - start)
    return {name: round(median(of_way[1:]), 4) for name, of_way in seconds.items()}


def encoded(study: Predictor, path: Path, rows: Sequence[int], before: Photo | None = None) -> Photo:
    """The views `rows` of a photo, after those that were encoded before."""
    if not rows:
        return before
    image = before.image if before else load_rgb(path)
    every = windows(*image.size, *ALL[:2])
    boxes = [every[row - 1] for row in rows if row]
    pixels = view_pixels(image, boxes, preprocess_size(study.clip))
    features = encode_views(study.clip, pixels[1 if before else 0 :], bf16=False)
    if before:
        features = ImageFeatures(*map(torch.cat, zip(before.features, features, strict=True)))
    return Photo(path, image, boxes, features)


def draw(found: dict[str, dict[str, float]]) -> None:
    """mAP by views and by time, on logarithmic axes."""
    lines = (("ours", "our ensemble", "#0072b2"), ("mean", "mean of eight", "#c2571a"),
             ("zero_shot", "zero-shot", "#57606a"))  # fmt: skip
    passes = (("windows", "D", "#007a5a"), ("images", "x", "#b0579a"))
    fixed = [found[name] for name in GROUPS]
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "views", "font.family": "sans-serif"}):
        figure = Figure(figsize=(10, 4.4), layout="constrained")
        axes = figure.subplots(1, 2, sharey=True)
        for axis, key in zip(axes, ("views", "seconds"), strict=True):
            for rule, name, colour in lines:
                axis.plot(*curve(fixed, key, rule), "o-", color=colour, label=name, markersize=5)
            for kind, marker, colour in passes:
                chosen = [found[f"{kind} undecided, {bound}"] for bound in BOUNDS]
                if key in chosen[0]:
                    name = f"our ensemble, {kind} chosen by a first pass"
                    axis.plot(*curve(chosen, key, "ours"), marker, color=colour, label=name, markersize=6)
            axis.set_xscale("log")
            axis.minorticks_off()
            axis.grid(color="#d9dce0", linewidth=0.6)
            axis.spines[["top", "right"]].set_visible(False)
        views, seconds = axes
        views.set(xlabel="views of a photo", ylabel="mAP, %")
        views.set_xticks([of["views"] for of in fixed], [str(of["views"]) for of in fixed], fontsize=8)
        views.legend(frameon=False, loc="lower right")
        seconds.set(xlabel="ms of one core a photo")
        ticks = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1]
        seconds.set_xticks(ticks, [f"{1000 * tick:g}" for tick in ticks])
        with atomic_path(PICTURE) as temporary:
            figure.savefig(temporary, format="svg", metadata={"Date": None})


def in_per_cent(value: float) -> float:
    return round(100 * value, 1)


def curve(of_groups: Sequence[dict[str, float]], *keys: str) -> list[list[float]]:
    """The figures of each key, group by group."""
    return [[of_group[key] for of_group in of_groups] for key in keys]


if __name__ == "__main__":
    run_stage(main)
