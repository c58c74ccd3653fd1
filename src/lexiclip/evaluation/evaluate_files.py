"""Scores of any system and labels of any kind in, matched by name; metrics out (`lexiclip evaluate`)."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import numpy as np

from lexiclip.errors import InputError, did_you_mean
from lexiclip.evaluation.metrics import evaluate, highest_decisions
from lexiclip.evaluation.score_formats import Scores, note, read_scores
from lexiclip.images.datasets import image_ids, read_labels
from lexiclip.images.labels import Labels, listed_file
from lexiclip.vocabulary import bare, of_names


def evaluate_files(
    scores_file: str | Path, labels_file: str | Path, threshold: float | None = None, per_image: float = 3.0
) -> dict:
    """`evaluation.metrics.evaluate` of a scores file against labels, with class names in `left_out`.

    A label is predicted from `threshold` on or, without one, as `highest_decisions` does.
    A note on stderr says what is guessed or left out: the order of a bare table, images matched without their
    folders, classes of one file alone. InputError for what cannot be read or matched.
    """
    scores, labels = read_scores(scores_file), read_labels(labels_file)
    if labels.labels is None:
        raise InputError(f"{labels_file}: no column `labels`: nothing to evaluate with")
    if scores.names is None and Path(labels_file).suffix.lower() in (".csv", ".tsv"):
        raise InputError(
            f"{scores_file}: no `names`, and the classes of {labels_file} have no order: add them"
        )
    rows = _rows(scores, labels, scores_file)
    if scores.results:
        scores, rows = _all_pairs(scores, rows, labels, scores_file), range(len(labels.files))
    table, names = scores.table, scores.names or labels.names
    if table.shape != (len(rows), len(names)):
        raise InputError(
            f"{scores_file}: scores {table.shape}, expected ({len(rows)} images, {len(names)} classes)"
        )
    if scores.ids is None:
        note(f"{scores_file} names no images: its rows are taken as those of {labels_file}, in order")
    if scores.names is None:
        note(f"{scores_file} names no classes: its columns are taken as {', '.join(labels.names)}")
    if len(rows) < len(labels.files):
        note(f"{len(rows)} of {len(labels.files)} labelled images have scores")
    if len(odd := np.argwhere(~np.isfinite(table))):
        row, k = odd[0]
        image = labels.files[rows[row]] if scores.ids is None else scores.ids[row]
        raise InputError(
            f"{scores_file}: the score of {image} for {names[k]} is {table[row, k]:g}, not a finite number"
            + (f" (and {len(odd) - 1} more)" if len(odd) > 1 else "")
        )
    shown = _labels_of(names, labels, labels_file)[rows]
    try:
        decided = (
            highest_decisions(scores.table, per_image) if threshold is None else scores.table >= threshold
        )
        result = evaluate(scores.table, shown, decided)
    except InputError as error:
        raise InputError(f"{scores_file}: {error}") from None
    return result | {"left_out": [names[k] for k in result["left_out"]]}


def _all_pairs(scores: Scores, rows: list[int], labels: Labels, path: str | Path) -> Scores:
    """COCO's results as scores of all labelled images and classes."""
    column_of = labels.category_columns or of_names(labels.names).columns
    keys = scores.names if labels.category_columns else list(map(bare, scores.names))
    if unknown := [name for name, key in zip(scores.names, keys, strict=True) if key not in column_of]:
        raise InputError(f"{path}: the labels have no category {unknown[0]}")
    lowest = scores.table.min(initial=0.0)
    table = np.full(labels.labels.shape, lowest)
    np.maximum.at(table, np.ix_(rows, [column_of[key] for key in keys]), scores.table)
    note(f"{path}: images and categories without a result count as {lowest}")
    return Scores(table, labels.files, list(labels.names))


def _labels_of(names: Sequence[str], labels: Labels, path: str | Path) -> np.ndarray:
    """The labels (N, K) of the classes `names`; one that the labels do not have is shown by no image."""
    column_of, scored = of_names(labels.names).columns, of_names(names).columns
    if absent := [name + did_you_mean(name, labels.names) for name in names if bare(name) not in column_of]:
        note(f"{path} has no class {_some(absent)}: left out")
    if more := [name for name in labels.names if bare(name) not in scored]:
        note(f"no scores of {_some(more)}, which {path} has: left out")
    padded = np.pad(labels.labels, ((0, 0), (0, 1)))
    return padded[:, [column_of.get(bare(name), -1) for name in names]]


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def _rows(scores: Scores, labels: Labels, path: str | Path) -> list[int]:
    """The row of labels of each id: a file name with or without its ending, or one of COCO's image ids.

    Failing that, the name without its folders. Of COCO's results, an id is one of COCO's before all else.
    """
    ids = scores.ids
    if ids is None:
        return list(range(len(labels.files)))
    row_of: dict[str, int] = {}
    known = (image_ids(labels.files), labels.files, labels.image_ids)
    for keys in (labels.image_ids, *known) if scores.results else known:
        for row, key in enumerate(keys):
            row_of.setdefault(key, row)
    rows, unknown, guesses = [], [], []
    for image_id in ids:
        file = PurePosixPath(listed_file(image_id))
        exact, loose = (image_id, str(file)), (file.name, file.stem)
        row = next((row_of[key] for key in (*exact, *loose) if key in row_of), None)
        if row is None:
            unknown.append(image_id)
        elif not row_of.keys() & set(exact):
            guesses.append(f"{image_id} is taken as {labels.files[row]}")
        rows.append(row)
    if unknown:
        raise InputError(f"{path}: no labels for {len(unknown)} of its images, the first is {unknown[0]}")
    row, times = Counter(rows).most_common(1)[0] if rows else (0, 0)
    if times > 1:
        same = ", ".join(image_id for image_id, other in zip(ids, rows, strict=True) if other == row)
        raise InputError(f"{path}: {same} are one image of the labels, {labels.files[row]}")
    if guesses:
        note(f"{path}: {len(guesses)} images are matched by their bare names: {guesses[0]}")
    return rows
