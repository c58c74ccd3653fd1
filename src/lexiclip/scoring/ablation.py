"""What each part of scoring is worth: one thing changed at a time, from stored window scores, in seconds.

A change is a setting of `fuse_scores` that all variants get; every other setting stays as in params.yaml.
"""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
from tqdm import tqdm

from lexiclip.evaluation.metrics import mean_average_precision
from lexiclip.images.windows import SHAPES, windows
from lexiclip.params import BASELINES, PROTOTYPES
from lexiclip.scoring.ensemble import Ensemble, class_advantage, join, mean_standardised, ours
from lexiclip.scoring.fusion import FUSIONS, FusedScores, concatenated, fuse_scores
from lexiclip.scoring.lift import with_lift
from lexiclip.scoring.window_store import WindowScores, read_index, read_shards


def changes(scales: Sequence[int], shapes: Sequence[str]) -> dict[str, dict]:
    """What to change, by name, for scores stored with `scales` and `shapes`; the first changes nothing."""
    subsets = {"none": ([], [])}
    if len(scales) > 1:
        subsets |= {f"scale {scale}": ([scale], shapes) for scale in scales}
    for count in range(2, len(scales)):
        subsets[f"scales {', '.join(map(str, scales[:count]))}"] = (scales[:count], shapes)
    if len(shapes) > 1:
        subsets |= {f"{shape} alone": (scales, [shape]) for shape in shapes}
        subsets |= {f"all but {shape}": (scales, [s for s in shapes if s != shape]) for shape in shapes}
    return {
        "as in params.yaml": {},
        **{f"windows: {kept}": {"views": view_rows(scales, shapes, *of)} for kept, of in subsets.items()},
        **{f"window weight: {weight}": {"window_weight": weight} for weight in (0.5, 1.5, 4.0)},
        **{f"local weight: {weight}": {"local_weight": weight} for weight in (0.0, 1.0)},
        **{f"fusion: {form}": {"form": form} for form in FUSIONS},
        "retrieval: on": {"retrieval": True},
        "retrieval: off": {"retrieval": False},
        **{f"co-occurrence: {weight}": {"companion_weight": weight} for weight in (0.0, 0.5, 1.0)},
    }


def view_rows(
    stored_scales: Sequence[int], stored_shapes: Sequence[str], scales: Sequence[int], shapes: Sequence[str]
) -> list[int]:
    """Rows, among the stored views, of the whole image and of the windows of `scales` and `shapes`.

    They are in the order of `windows`; scales and shapes that were not stored are ignored.
    """
    rows, start = [0], 1
    for scale in stored_scales:
        for shape in [shape for shape in SHAPES if shape in stored_shapes]:
            count = len(windows(64, 64, [scale], [shape]))  # the same for every image
            if scale in scales and shape in shapes:
                rows += range(start, start + count)
            start += count
    return rows


def ablate(
    folder: str | Path,
    companions: np.ndarray,
    fusing: dict[str, dict],
    labels: np.ndarray,
    ensemble: Ensemble,
    rule: str,
) -> list[dict]:
    """Rows {"change", mAP in per cent by variant, "ensemble"}, one per change, then one per rule.

    `fusing` holds the settings of each variant. `labels` (N, K) are in the order of the scores in `folder`.
    """
    index = read_index(folder)
    changed = changes(index["scales"], index["shapes"])
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        fused = partial(_fused, folder, companions, list(changed.values()))
        of_variants = pool.map(fused, fusing, fusing.values())
        scores = dict(zip(fusing, tqdm(of_variants, total=len(fusing), disable=None), strict=True))
    rows = []
    for place, change in enumerate(changed):
        of_change = {variant: of_variant[place] for variant, of_variant in scores.items()}
        of_change["ensemble"] = join(of_change, ensemble)[rule]
        rows.append({"change": change, **_in_per_cent(of_change, labels)})
    unchanged = {variant: of_variant[0] for variant, of_variant in scores.items()}
    joined = join(unchanged, ensemble)
    members, choice, _, lift = ensemble
    raw = np.stack([unchanged[variant] for variant in members])
    untuned = mean_standardised(np.stack([unchanged[name] for name in BASELINES]), np.ones((2, len(lift))))
    rules = {
        **joined,
        "ours, without tuned variants": ours(untuned, unchanged[PROTOTYPES], lift),
        "ours, without lift": ours(joined["mean"], unchanged[PROTOTYPES], np.zeros_like(lift)),
        "ours, lift without prototypes": with_lift(joined["mean"], lift),
        "class_advantage, scores as they are": class_advantage(raw, choice),
    }
    for name, value in _in_per_cent(rules, labels).items():
        rows.append({**rows[0], "change": f"ensemble: {name}", "ensemble": value})
    return rows


def _fused(
    folder: str | Path, companions: np.ndarray, changed: Sequence[dict], variant: str, of_variant: dict
) -> list[np.ndarray]:
    """The scores (N, K) of a variant under each change; what two changes have in common is fused once."""
    shards: list[list[FusedScores]] = [[] for _ in changed]
    for stored in read_shards(folder, variant):
        shard = WindowScores(stored.ids, *(v if v is None else v.astype(np.float64) for v in stored[1:]))
        shared: dict = {}
        for parts, change in zip(shards, changed, strict=True):
            parts.append(fuse_scores(shard, companions, **{**of_variant, **change}, shared=shared))
    return [concatenated(parts).windows for parts in shards]


def _in_per_cent(scores: dict[str, np.ndarray], labels: np.ndarray) -> dict[str, float]:
    return {
        name: round(100 * mean_average_precision(values.astype(np.float32), labels), 2)
        for name, values in scores.items()
    }
