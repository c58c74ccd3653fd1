"""Scores of the study and labels in; metrics, tables and curves out."""

from collections.abc import Sequence

import numpy as np

from lexiclip.errors import InputError
from lexiclip.evaluation.metrics import (
    average_precisions,
    calibration_error,
    check,
    evaluate,
    f1_scores,
    highest_decisions,
    mean_precisions,
    reliability,
    top_decisions,
)
from lexiclip.evaluation.study_scores import read_scores_file
from lexiclip.images.datasets import Dataset
from lexiclip.scoring.decisions import Prior, fit_rule, probabilities

CEILING = "ceiling"
RECALLS = np.linspace(0, 1, 51)


def read_study(files: dict[str, str], names: Sequence[str]) -> tuple[list[str], dict[str, dict]]:
    """The image ids of files of scores, and the arrays of `write_scores` by variant.

    InputError, beside those of `read_scores_file`, where a variant was scored on other images.
    """
    stored = {variant: read_scores_file(path, names) for variant, path in files.items()}
    first = next(iter(files))
    ids = stored[first][0]
    if odd := [variant for variant, (of_variant, _) in stored.items() if of_variant != ids]:
        raise InputError(f"{files[odd[0]]}: other images than {files[first]}: run `dvc repro {odd[0]}` again")
    return ids, {variant: arrays for variant, (_, arrays) in stored.items()}


def labels_of(ids: Sequence[str], dataset: Dataset, allow_missing: bool) -> np.ndarray:
    """Labels (N, K) of the images `ids`, in that order.

    InputError for photos without labels, for an image without any and, unless `allow_missing`, for a labelled
    image without scores.
    """
    if dataset.labels is None:
        raise InputError("images.labels has none, nothing to evaluate with; data/scores holds the scores")
    row_of = {image_id: row for row, image_id in enumerate(dataset.ids)}
    if unknown := [image_id for image_id in ids if image_id not in row_of]:
        raise InputError(
            f"{len(unknown)} scored images have no labels, the first is {unknown[0]}: score again"
        )
    missing = sorted(set(dataset.ids) - set(ids))
    if missing and not allow_missing:
        raise InputError(
            f"{len(missing)} labelled images have no scores, the first is {missing[0]}: score again, "
            "or allow it by windows.skip_unreadable"
        )
    return dataset.labels[[row_of[image_id] for image_id in ids]]


def metrics_of(
    variant: str, arrays: dict[str, np.ndarray], labels: np.ndarray, prior: Prior
) -> dict[str, dict]:
    """Metrics of a scores file by the names of metrics.json, with labels decided by `fit_rule` and `prior`.

    A variant's are under "whole" and "windows"; the ensemble's other arrays are one a rule.
    """
    found = {name: _metrics(scores, labels, prior) for name, scores in arrays.items()}
    windows = found.pop("scores")
    if variant == "ensemble":
        return {variant: windows} | {f"ensemble_{rule}": values for rule, values in found.items()}
    return {variant: {"whole": found["whole"], "windows": windows}}


def _metrics(scores: np.ndarray, labels: np.ndarray, prior: Prior) -> dict[str, float]:
    check(scores, labels)
    rule = fit_rule(scores, prior)
    p = probabilities(scores, rule)
    values = evaluate(scores, labels, p >= rule.threshold)
    del values["left_out"]
    return values | {"ECE": round(100 * calibration_error(reliability(p, labels)), 3)}


def reliability_table(scores: np.ndarray, labels: np.ndarray, prior: Prior) -> list[dict]:
    """A row for each bin of probabilities: their mean and the share of labels shown, in per cent."""
    found = reliability(probabilities(scores, fit_rule(scores, prior)), labels)
    return [
        {"predicted": round(100 * b.predicted, 2), "observed": round(100 * b.observed, 2), "labels": b.labels}
        for b in found
    ]


def decisions_by_rule(scores: np.ndarray, labels: np.ndarray, prior: Prior) -> dict[str, list[float]]:
    """[CF1, OF1] in per cent of five ways to cut scores (N, K), and the calibration error of `fit_rule`.

    "overall" is `highest_decisions`, as many as `prior` expects; "oracle" is the best single threshold by
    CF1, which only labels can tell.
    """
    rule = fit_rule(scores, prior)
    p = probabilities(scores, rule)
    cuts = [f1_scores(scores > cut, labels) for cut in np.quantile(scores, np.linspace(0.85, 0.995, 60))]
    by_rule = {
        "image mean": f1_scores(scores > scores.mean(1, keepdims=True), labels),
        "top 3": f1_scores(top_decisions(scores), labels),
        "overall": f1_scores(highest_decisions(scores, prior.labels_per_image), labels),
        "ours": f1_scores(p >= rule.threshold, labels),
        "oracle": max(cuts, key=lambda f1: f1.cf1),
    }
    found = {name: [round(100 * f1.cf1, 1), round(100 * f1.of1, 1)] for name, f1 in by_rule.items()}
    return found | {"ECE": [round(100 * calibration_error(reliability(p, labels)), 1)]}


def per_class_table(
    scores: dict[str, np.ndarray], labels: np.ndarray, names: Sequence[str]
) -> tuple[list[dict], list[str]]:
    """A row for each class: its positives and its AP in per cent by variant; then the classes without one."""
    positives = (labels == 1).sum(0)
    columns = {variant: average_precisions(values, labels) for variant, values in scores.items()}
    rows = [
        {"class": name, "positives": int(positives[k])}
        | {variant: round(100 * float(column[k]), 2) for variant, column in columns.items()}
        for k, name in enumerate(names)
        if positives[k]
    ]
    return rows, [name for k, name in enumerate(names) if not positives[k]]


def recall_table(scores: dict[str, np.ndarray], labels: np.ndarray) -> list[dict]:
    """A row for each of RECALLS: the precision reached there by variant, over all classes, in per cent."""
    columns = {variant: mean_precisions(values, labels, RECALLS) for variant, values in scores.items()}
    return [
        {"recall": round(100 * float(recall), 1)}
        | {variant: round(100 * float(column[i]), 2) for variant, column in columns.items()}
        for i, recall in enumerate(RECALLS)
    ]


def results_table(metrics: dict[str, dict]) -> list[dict]:
    """A row for each variant: mAP of the whole image (none for ensembles), all metrics with windows, and the
    share in per cent of the way from zero-shot CLIP on the whole image to the ceiling with windows."""
    start, end = metrics["zero_shot"]["whole"]["mAP"], metrics[CEILING]["windows"]["mAP"]
    rows = []
    for variant, values in metrics.items():
        windows = values.get("windows", values)
        whole = values["whole"]["mAP"] if "whole" in values else ""
        share = round(100 * (windows["mAP"] - start) / (end - start), 1) if end > start else ""
        rows.append({"variant": variant, "mAP_whole": whole, **windows, "share": share})
    return rows


def as_text(rows: Sequence[dict], words: int) -> str:
    """Rows of one table as aligned text, a heading first; the first `words` columns are flush left."""
    cells = [list(rows[0]), *([str(value) for value in row.values()] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if i < words else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in cells
    )
