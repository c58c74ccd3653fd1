"""Tables and counts of metrics/ in, rows of the page's tables out."""

import csv
from collections.abc import Sequence
from pathlib import Path

from lexiclip.errors import InputError
from lexiclip.files import read_json, reading
from lexiclip.params import VariantParams

Row = dict[str, str | float | None]

BASELINE_NOTES = {
    "zero_shot": "CLIP as it comes, nothing tuned",
    "caption_mean": "mean caption feature, nothing tuned",
    "prototypes": "unlabelled windows",
    "ensemble_mean": "the mean of all but the prototypes",
    "ensemble_class_advantage": "each class from one of them",
    "ensemble_ours": "the mean, the prototypes and their lift",
    "ceiling": "trained on labelled images: what labels could do",
}


def read_numbers(path: str | Path, text: str | None = None) -> list[Row]:
    """The rows of a CSV of numbers, None where empty, but for the column `text`.

    InputError names a file that is missing, empty or holds something else.
    """
    with reading(path, "not a table of numbers", "run the stage that makes it again"):
        with Path(path).open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        if not rows or (text and text not in rows[0]):
            raise ValueError(f"no row, or no column {text!r}")
        return [
            {key: cell if key == text else float(cell) if cell else None for key, cell in row.items()}
            for row in rows
        ]


def results_rows(results: Sequence[Row], variants: dict[str, VariantParams], rule: str) -> list[dict]:
    """A row for each variant: a note on what it is, mAP without and with windows, and the other metrics.

    The ensemble by the rule in use is listed once, though evaluate lists it under the rule's name as well.
    """
    notes = {
        **BASELINE_NOTES,
        **{name: _note(variant) for name, variant in variants.items()},
        "ensemble": f"all members, rule “{rule}”",
    }
    rows = []
    for row in results:
        values = dict(row)
        name, whole, windows = values.pop("variant"), values.pop("mAP_whole"), values.pop("mAP")
        if name != f"ensemble_{rule}":
            note = notes.get(name, "")
            rows.append({"name": name, "note": note, "whole": whole, "windows": windows, "others": values})
    return rows


def class_rows(per_class: Sequence[Row], captions: dict[str, int]) -> list[dict]:
    """A row for each class with positives, best first: AP of the ensemble and of zero-shot CLIP."""
    rows = [
        {
            "name": row["class"],
            "positives": int(row["positives"]),
            "captions": captions.get(row["class"], 0),
            "zero_shot": row["zero_shot"],
            "ensemble": row["ensemble"],
        }
        for row in per_class
    ]
    return sorted(rows, key=lambda row: -row["ensemble"])


def ablation_rows(ablation: Sequence[Row]) -> tuple[dict[str, float], list[tuple[str, dict[str, float]]]]:
    """mAP by variant of the first row, what params.yaml says; then the differences that each change makes.

    A row that differs nowhere is a setting that is in use already, and left out.
    """
    start, *changed = [{name: value for name, value in row.items() if name != "change"} for row in ablation]
    changes = []
    for row, values in zip(ablation[1:], changed, strict=True):
        differences = {name: round(value - start[name], 2) for name, value in values.items()}
        if any(differences.values()):
            changes.append((row["change"], differences))
    return start, changes


def read_statistics(sets: Sequence[str]) -> dict[str, dict]:
    """The counts of each set of which anything was asked. InputError names a file without them."""
    found = {}
    for caption_set in sets:
        path = f"metrics/captions/{caption_set}.json"
        counts = read_json(path)
        if not isinstance(counts, dict) or not {"asked", "left_after", "per_class"} <= set(counts):
            raise InputError(f"{path}: not the counts of a caption set: run filter again")
        if counts["asked"]:
            found[caption_set] = counts
    return found


def captions_of_classes(statistics: dict[str, dict], sets: Sequence[str]) -> list[tuple[str, dict[str, int]]]:
    """Each class and the captions that name it in each of `sets`, the class with most captions first."""
    counted = {caption_set: statistics[caption_set]["per_class"] for caption_set in sets}
    names = list(dict.fromkeys(name for of_set in counted.values() for name in of_set))
    classes = [
        (name, {caption_set: of_set[name] for caption_set, of_set in counted.items()}) for name in names
    ]
    return sorted(classes, key=lambda of_class: -sum(of_class[1].values()))


def _note(variant: VariantParams) -> str:
    parts = [f"{variant.train.n_ctx} contexts"]
    if variant.train.evidence:
        parts.append("evidence")
    if variant.mix.hard_classes:
        parts.append(f"tuned on {len(variant.mix.hard_classes)} hard classes")
    return ", ".join(parts)
