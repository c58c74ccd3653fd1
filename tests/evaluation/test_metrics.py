"""Average precision, F1 and precision by recall against loops that follow definitions and scikit-learn."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, precision_recall_curve

from lexiclip.errors import InputError
from lexiclip.evaluation.metrics import (
    average_precisions,
    calibration_error,
    evaluate,
    f1_scores,
    highest_decisions,
    mean_average_precision,
    mean_precisions,
    reliability,
    top_decisions,
)


def slow_f1(decided, labels) -> tuple[float, float]:
    precisions, recalls, hits, decisions, shown = [], [], 0, 0, 0
    for k in range(labels.shape[1]):
        pairs = [(d, y) for d, y in zip(decided[:, k], labels[:, k], strict=True) if y >= 0]
        positive = sum(y for _, y in pairs)
        if not positive:
            continue
        hit, said = sum(1 for d, y in pairs if d and y), sum(1 for d, _ in pairs if d)
        precisions.append(hit / said if said else 0)
        recalls.append(hit / positive)
        hits, decisions, shown = hits + hit, decisions + said, shown + positive
    cp, cr = sum(precisions) / len(precisions), sum(recalls) / len(recalls)
    op, or_ = hits / decisions, hits / shown
    return 2 * cp * cr / (cp + cr), 2 * op * or_ / (op + or_)


@pytest.fixture
def tied():
    """Scores of few distinct values, labels with ignored ones, a class without positive, a constant class."""
    rng = np.random.default_rng(0)
    scores = rng.integers(0, 5, (40, 6)) / 10 - 0.2
    labels = rng.choice([-1, 0, 0, 1], (40, 6))
    labels[:, 2] = np.minimum(labels[:, 2], 0)
    scores[:, 4] = 0.1
    return scores, labels


def test_a_class_without_positive_is_left_out_of_the_mean(tied):
    found = average_precisions(*tied)
    assert np.flatnonzero(np.isnan(found)).tolist() == [2]
    assert mean_average_precision(*tied) == pytest.approx(np.mean(found[[0, 1, 3, 4, 5]]))


@pytest.mark.parametrize("levels", [2, 7, 10**6])
@pytest.mark.parametrize("kinds", [[0, 1], [-1, 0, 0, 0, 1]])
def test_average_precision_is_that_of_scikit_learn(levels, kinds):
    """With many ties, few and none; with and without ignored labels."""
    rng = np.random.default_rng(levels)
    scores, labels = rng.integers(levels, size=(300, 20)) / levels, rng.choice(kinds, (300, 20))
    expected = [
        average_precision_score(labels[known, k], scores[known, k]) for k, known in enumerate((labels >= 0).T)
    ]
    np.testing.assert_allclose(average_precisions(scores, labels), expected, rtol=0, atol=1e-12)
    found = average_precisions(scores.astype(np.float32), labels.astype(np.int8))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)


def test_f1_slow_twin(tied):
    scores, labels = tied
    for decided in (top_decisions(scores), scores > 0.05, highest_decisions(scores, 1)):
        f1 = f1_scores(decided, labels)
        assert (f1.cf1, f1.of1) == pytest.approx(slow_f1(decided, labels))


def test_f1_worked_by_hand():
    labels = np.array([[1, 0], [1, 1]])
    found = f1_scores(np.array([[True, True], [False, True]]), labels)
    # precision and recall of class 0: 1/1, 1/2; of class 1: 1/2, 1/1; of all decisions: 2/3, 2/3
    assert found == pytest.approx((0.75, 2 / 3))
    decided, labels = np.array([[1, 1], [1, 0], [1, 0]], bool), np.array([[1, 0], [0, 1], [0, 0]])
    # class 0: 1/3, 1/1; class 1: 0/1, 0/1; of all: 1/4, 1/2
    assert f1_scores(decided, labels) == pytest.approx((2 * 1 / 6 * 1 / 2 / (1 / 6 + 1 / 2), 1 / 3))
    assert f1_scores(np.zeros((2, 2), dtype=bool), np.eye(2, dtype=int)) == (0, 0)


def test_top_takes_first_classes_of_equal_scores():
    assert top_decisions(np.array([[1.0, 1.0, 0.0, 1.0, 1.0]])).tolist() == [[True, True, False, True, False]]
    assert top_decisions(np.zeros((2, 2))).all()  # fewer classes than three


def test_highest_decisions_by_hand():
    scores = np.array([[3.0, 1.0, 2.5], [-9.0, -1.0, -2.0]])
    assert highest_decisions(scores, 1).tolist() == [[True, False, True], [False, False, False]]
    assert highest_decisions(scores, 0).sum() == 1 and highest_decisions(scores, 99).all()
    assert highest_decisions(np.zeros((2, 3)), 1).all(), "equal scores are decided alike"


def test_reliability_worked_by_hand():
    p = np.array([[0.1, 0.15], [0.9, 0.2]])
    labels = np.array([[0, 1], [1, -1]])
    low, high = reliability(p, labels, bins=2)
    assert low == (pytest.approx(0.125), 0.5, 2) and high == (0.9, 1.0, 1)
    assert calibration_error([low, high]) == pytest.approx((2 * 0.375 + 0.1) / 3)
    assert reliability(np.ones((1, 1)), np.ones((1, 1)), bins=2) == [(1, 1, 1)], "1 is in the last bin"


def test_evaluate_reports_percentages_and_left_out_classes(tied):
    metrics = evaluate(*tied, highest_decisions(tied[0], 1))
    assert metrics["left_out"] == [2]
    assert set(metrics) == {"mAP", "CF1", "OF1", "CF1_top3", "OF1_top3", "left_out"}
    assert metrics["mAP"] == round(100 * mean_average_precision(*tied), 3)
    perfect = np.array([[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 1]])
    assert evaluate(perfect * 1.0, perfect, perfect == 1) == {
        "mAP": 100, "CF1": 100, "OF1": 100, "CF1_top3": 70.27, "OF1_top3": 61.538, "left_out": []
    }  # fmt: skip


@pytest.mark.parametrize(
    ("scores", "labels", "message"),
    [
        (np.zeros((2, 3)), np.ones((3, 2)), "scores .2, 3. and labels .3, 2."),
        (np.zeros(2), np.ones(2), "images, classes"),
        (np.array([[0.0, np.nan]]), np.ones((1, 2)), "image 0, class 1 is nan"),
        (np.zeros((1, 2)), np.full((1, 2), 2), "1 .shown., 0"),
        (np.zeros((2, 2)), np.zeros((2, 2)), "no image shows any class"),
    ],
)
def test_bad_input_says_what_is_wrong(scores, labels, message):
    with pytest.raises(InputError, match=message):
        evaluate(scores, labels, scores > 0)


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
