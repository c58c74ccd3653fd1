"""The CSV files of metrics/ in, rows of the page's tables out."""

import csv
from collections.abc import Sequence
from pathlib import Path

from lexiclip.errors import InputError
from lexiclip.params import VariantParams

Row = dict[str, str | float | None]

BASELINE_NOTES = {
    "zero_shot": "CLIP as it comes, nothing tuned",
    "caption_mean": "mean caption feature, nothing tuned",
}


def read_table(path: str | Path, text: str | None = None) -> list[Row]:
    """The rows of a CSV of numbers, None where empty, but for the column `text`.

    InputError names a file that is missing, empty or holds something else.
    """
    try:
        with Path(path).open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        if not rows or (text and text not in rows[0]):
            raise ValueError(f"no row, or no column {text!r}")
        return [
            {key: cell if key == text else float(cell) if cell else None for key, cell in row.items()}
            for row in rows
        ]
    except (OSError, UnicodeDecodeError, csv.Error, ValueError, TypeError) as error:
        raise InputError(
            f"{path}: not a table of numbers ({error}): run the stage that makes it again"
        ) from None


def results_rows(results: Sequence[Row], variants: dict[str, VariantParams], rule: str) -> list[dict]:
    """A row for each variant: a note on what it is, mAP without and with windows, and the other metrics.

    The ensemble of the rule in use, which evaluate lists once more under the rule's name, stands there once.
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
            note = notes.get(name, "all members, another rule")
            rows.append({"name": name, "note": note, "whole": whole, "windows": windows, "others": values})
    return rows


def class_rows(per_class: Sequence[Row], captions: dict[str, int]) -> list[dict]:
    """A row for each class with positives, best first: AP of the ensemble and of CLIP as it comes."""
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


def _note(variant: VariantParams) -> str:
    parts = [f"{variant.train.n_ctx} contexts"]
    if variant.train.evidence:
        parts.append("evidence")
    if variant.mix.hard_classes:
        parts.append(f"tuned on {len(variant.mix.hard_classes)} hard classes")
    return ", ".join(parts)
