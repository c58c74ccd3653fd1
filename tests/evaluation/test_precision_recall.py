"""The mean precision-recall curve against its definition, and its area against average precision."""

import numpy as np
import pytest
from sklearn.metrics import precision_recall_curve

from lexiclip.evaluation.metrics import mean_average_precision
from lexiclip.evaluation.precision_recall import mean_precisions


def slow_precision(scores, labels, recall) -> float:
    """The best precision of any cut that reaches the recall."""
    reached = []
    for cut in set(scores):
        said = scores >= cut
        if labels[said].sum() / labels.sum() >= recall - 1e-9:
            reached.append(labels[said].sum() / said.sum())
    return max(reached)


def test_slow_twin():
    rng = np.random.default_rng(0)
    scores, labels = rng.integers(0, 9, (40, 3)) / 9, (rng.random((40, 3)) < 0.3).astype(np.int8)
    recalls = np.array([0, 0.1, 1 / 3, 0.5, 0.9, 1])
    expected = [np.mean([slow_precision(scores[:, k], labels[:, k], r) for k in range(3)]) for r in recalls]
    np.testing.assert_allclose(mean_precisions(scores, labels, recalls), expected)


@pytest.mark.parametrize("levels", [2, 7, 10**6])
@pytest.mark.parametrize("kinds", [[0, 1], [-1, 0, 0, 0, 1]])
def test_curves_are_those_of_scikit_learn(levels, kinds):
    rng = np.random.default_rng(levels)
    scores, labels = rng.integers(levels, size=(200, 9)) / levels, rng.choice(kinds, (200, 9))
    labels[:, 4] = np.minimum(labels[:, 4], 0)  # a class that nobody sees
    recalls, curves = np.linspace(0, 1, 31), []
    for k in np.flatnonzero((labels == 1).any(0)):
        known = labels[:, k] >= 0
        precision, recall, _ = precision_recall_curve(labels[known, k], scores[known, k])
        precision, recall = precision[:-1], recall[:-1]  # but for the point of no image at all
        curves.append([precision[recall >= r - 1e-9].max() for r in recalls])
    found = mean_precisions(scores, labels, recalls)
    np.testing.assert_allclose(found, np.mean(curves, axis=0), rtol=0, atol=1e-12)


def test_area_is_nearly_average_precision():
    rng = np.random.default_rng(1)
    labels = (rng.random((2000, 4)) < 0.3).astype(np.int8)
    scores = labels + rng.normal(0, 0.7, labels.shape)
    area = mean_precisions(scores, labels, np.linspace(0, 1, 201)).mean()
    assert area == pytest.approx(mean_average_precision(scores, labels), abs=0.01)


def test_classes_without_a_positive_and_ignored_labels_are_left_out():
    scores = np.array([[0.9, 0.1], [0.8, 0.2], [0.7, 0.3]])
    labels = np.array([[1, 0], [-1, 0], [1, 0]])
    assert mean_precisions(scores, labels, np.array([0, 0.5, 1])).tolist() == [1, 1, 1]
