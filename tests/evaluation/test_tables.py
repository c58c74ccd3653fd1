"""Tables and metrics of the study from scores and labels."""

from pathlib import Path

import numpy as np
import pytest

from lexiclip.errors import InputError
from lexiclip.evaluation.tables import (
    as_text,
    decisions_by_rule,
    labels_of,
    per_class_table,
    reliability_table,
    results_table,
)
from lexiclip.images.datasets import Dataset
from lexiclip.scoring.decisions import caption_prior

LABELS = np.array([[1, 0, 0], [0, 1, 0], [1, 1, 0]], dtype=np.int8)
PERFECT = LABELS.astype(float)
PRIOR = caption_prior(4 / 3, np.ones(3))
DATASET = Dataset(["a", "b", "c"], [Path(name) for name in "abc"], LABELS)


def test_labels_in_the_order_of_the_scores():
    assert labels_of(["c", "a", "b"], DATASET, False).tolist() == LABELS[[2, 0, 1]].tolist()


def test_images_without_labels_or_scores_are_named():
    with pytest.raises(InputError, match="1 scored images have no labels, the first is x"):
        labels_of(["a", "x"], DATASET, True)
    with pytest.raises(InputError, match="2 labelled images have no scores, the first is b"):
        labels_of(["a"], DATASET, False)
    assert labels_of(["a"], DATASET, True).tolist() == [[1, 0, 0]]


def test_decisions_by_rule():
    """20 classes, of which an image shows a tenth, by noisy scores."""
    rng = np.random.default_rng(0)
    labels = (rng.random((200, 20)) < 0.1).astype(int)
    scores = rng.normal(0, 1, labels.shape) + 3 * labels
    found = decisions_by_rule(scores, labels, caption_prior(2.0, np.ones(20)))
    assert list(found) == ["image mean", "top 3", "overall", "ours", "oracle", "ECE"]
    assert found["oracle"][0] > found["top 3"][0] > found["image mean"][0] > 0
    assert found["ours"][0] > found["top 3"][0] < found["overall"][0] and 0 < found["ECE"][0] < 10


def test_reliability_rows_count_every_label():
    rows = reliability_table(PERFECT, LABELS, PRIOR)
    assert sum(row["labels"] for row in rows) == LABELS.size
    assert sum(row["labels"] * row["observed"] for row in rows) == pytest.approx(100 * LABELS.sum())


def test_per_class_rows_have_support_and_say_who_is_left_out():
    rows, left_out = per_class_table({"best": PERFECT, "ensemble": PERFECT}, LABELS, ("cat", "dog", "cow"))
    assert rows[0] == {"class": "cat", "positives": 2, "best": 100.0, "ensemble": 100.0}
    assert [row["class"] for row in rows] == ["cat", "dog"] and left_out == ["cow"]


def test_results_have_one_row_a_variant():
    values = {"mAP": 50.0, "CF1": 40.0}
    metrics = {
        "zero_shot": {"whole": {"mAP": 40.0}, "windows": {"mAP": 45.0, "CF1": 41.0}},
        "ensemble": {"mAP": 72.0, "CF1": 40.0},
        "ceiling": {"whole": values, "windows": {"mAP": 80.0, "CF1": 42.0}},
    }
    rows = results_table(metrics)
    assert [list(row.values()) for row in rows] == [
        ["zero_shot", 40.0, 45.0, 41.0, 12.5],
        ["ensemble", "", 72.0, 40.0, 80.0],
        ["ceiling", 50.0, 80.0, 42.0, 100.0],
    ]
    assert as_text(rows, words=1).splitlines()[2:] == [
        "ensemble              72.0  40.0   80.0",
        "ceiling         50.0  80.0  42.0  100.0",
    ]
