"""Scores and labels of images in; mAP, CF1, OF1, calibration and precision by recall out (METHOD §6).

Labels are 1 (shown), 0 (not shown) and -1 (ignored: too hard to say); scores rise with likelihood.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from lexiclip.errors import InputError


class F1(NamedTuple):
    """F1 in [0, 1], of precision and recall averaged over classes, and of all decisions at once."""

    cf1: float
    of1: float


class Bin(NamedTuple):
    """Labels of about one probability: its mean, the share of them that is shown, and how many there are."""

    predicted: float
    observed: float
    labels: int


class Ranking(NamedTuple):
    """Each class's images, best first, in columns (N, K); labels of -1 are ignored.

    `found` and `seen` count positives and known labels down to the last image of the same score, so that the
    order of images with equal scores never matters.
    """

    positive: np.ndarray  # (N, K) bool
    found: np.ndarray  # (N, K) int
    seen: np.ndarray  # (N, K) int


def ranked(scores: np.ndarray, labels: np.ndarray) -> Ranking:
    """Images (N, K) ranked class by class. InputError for what `evaluate` refuses."""
    check(scores, labels)
    order = np.argsort(-scores, axis=0, kind="stable")  # (N, K)
    scores, labels = (np.take_along_axis(values, order, axis=0) for values in (scores, labels))
    last = np.ones(scores.shape, dtype=bool)  # of the images with one score
    last[:-1] = scores[:-1] != scores[1:]
    places = np.where(last, np.arange(len(scores))[:, None], len(scores))
    ends = np.minimum.accumulate(places[::-1], axis=0)[::-1]  # (N, K)
    counts = (np.cumsum(kind, axis=0) for kind in (labels == 1, labels >= 0))
    return Ranking(labels == 1, *(np.take_along_axis(count, ends, axis=0) for count in counts))


def average_precisions(scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Non-interpolated average precision of each class (K,) in [0, 1], NaN for a class without a positive.

    Images with equal scores count as one step, so the order of rows never matters.
    """
    positive, found, seen = ranked(scores, labels)
    precision = found / np.maximum(seen, 1)
    with np.errstate(invalid="ignore"):
        return (precision * positive).sum(0) / positive.sum(0)


def mean_average_precision(scores: np.ndarray, labels: np.ndarray) -> float:
    """Mean of `average_precisions` over the classes that have a positive, in [0, 1]."""
    return float(np.nanmean(average_precisions(scores, labels)))


def mean_precisions(scores: np.ndarray, labels: np.ndarray, recalls: np.ndarray) -> np.ndarray:
    """Interpolated precision (R,) at each of `recalls` (R,), averaged over the classes that have a positive.

    Interpolated: the best precision at that recall or a higher one. Scores and labels (N, K), ignored labels
    -1.
    """
    positive, found, seen = ranked(scores, labels)
    precision = found / np.maximum(seen, 1)
    best = np.maximum.accumulate(precision[::-1], axis=0)[::-1]  # (N, K), at that place or lower down
    curves = []
    for k in np.flatnonzero(positive.any(0)):
        recall = found[:, k] / found[-1, k]
        # The first place of recall >= r; recalls are sums of 1/positives, hence the tolerance.
        curves.append(best[np.searchsorted(recall, recalls - 1e-9), k])
    return np.mean(curves, axis=0)


def top_decisions(scores: np.ndarray, top: int = 3) -> np.ndarray:
    """True (N, K) for the `top` highest scores of each image; of equal scores the first classes are taken."""
    order = np.argsort(-scores, axis=1, kind="stable")[:, :top]
    decided = np.zeros(scores.shape, dtype=bool)
    np.put_along_axis(decided, order, True, axis=1)
    return decided


def highest_decisions(scores: np.ndarray, per_image: float) -> np.ndarray:
    """True (N, K) for the highest scores overall, `per_image` of them an image on average, and their equals.

    One threshold for all, found by rank: logits, cosines, their probabilities and every other monotone
    rescaling are decided alike.
    """
    count = min(max(round(per_image * len(scores)), 1), scores.size)
    return scores >= np.sort(scores, axis=None)[-count]


def f1_scores(decided: np.ndarray, labels: np.ndarray) -> F1:
    """F1 of decisions (N, K); ignored labels and classes without a positive are left out of both averages.

    CF1 is the harmonic mean of the classes' mean precision and mean recall; a class never decided has
    precision 0.
    """
    check(decided, labels)
    kept = (labels == 1).any(0)
    decided, labels = decided[:, kept] & (labels[:, kept] >= 0), labels[:, kept] == 1
    hits, decisions, shown = (decided & labels).sum(0), decided.sum(0), labels.sum(0)  # (K,) each
    cp, cr = float(np.mean(hits / np.maximum(decisions, 1))), float(np.mean(hits / shown))
    op, or_ = float(hits.sum() / max(decisions.sum(), 1)), float(hits.sum() / shown.sum())
    return F1(_harmonic(cp, cr), _harmonic(op, or_))


def evaluate(scores: np.ndarray, labels: np.ndarray, decided: np.ndarray) -> dict[str, float | list[int]]:
    """mAP, CF1, OF1 of the labels `decided` (N, K), CF1_top3 and OF1_top3 in per cent, three decimals.

    `left_out` lists the indices of classes without a positive, which no average includes. InputError for
    shapes that differ, a score that is no number, labels other than 1, 0 and -1, or no positive at all.
    """
    precisions = average_precisions(scores, labels)
    of_rule, top = f1_scores(decided, labels), f1_scores(top_decisions(scores), labels)
    values = {
        "mAP": np.nanmean(precisions),
        "CF1": of_rule.cf1,
        "OF1": of_rule.of1,
        "CF1_top3": top.cf1,
        "OF1_top3": top.of1,
    }
    percentages = {name: round(100 * float(value), 3) for name, value in values.items()}
    return {**percentages, "left_out": np.flatnonzero(np.isnan(precisions)).tolist()}


def reliability(probabilities: np.ndarray, labels: np.ndarray, bins: int = 15) -> list[Bin]:
    """Bins of equal width over [0, 1] that hold a label (Guo et al. 2017); labels of -1 are ignored."""
    known = labels >= 0
    p, shown = probabilities[known], labels[known] == 1
    bin_of = np.minimum((p * bins).astype(int), bins - 1)
    inside = [(bin_of == i) for i in range(bins)]
    return [Bin(float(p[of].mean()), float(shown[of].mean()), int(of.sum())) for of in inside if of.any()]


def calibration_error(found: Sequence[Bin]) -> float:
    """The expected calibration error in [0, 1]: mean distance of predicted and observed over all labels."""
    return sum(b.labels * abs(b.predicted - b.observed) for b in found) / sum(b.labels for b in found)


def _harmonic(precision: float, recall: float) -> float:
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def check(scores: np.ndarray, labels: np.ndarray) -> None:
    """InputError for shapes that differ, a score that is no number, other labels, or no positive at all."""
    if scores.shape != labels.shape or labels.ndim != 2:
        raise InputError(f"scores {scores.shape} and labels {labels.shape}: both must be (images, classes)")
    if not np.isfinite(scores).all():
        image, k = np.argwhere(~np.isfinite(scores))[0]
        raise InputError(
            f"score of image {image}, class {k} is {scores[image, k]}: it must be a finite number"
        )
    if not np.isin(labels, (-1, 0, 1)).all():
        raise InputError("labels must be 1 (shown), 0 (not shown) or -1 (ignored)")
    if not (labels == 1).any():
        raise InputError("no image shows any class: nothing to evaluate (are these the images' labels?)")
