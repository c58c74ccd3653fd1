"""Scores of images in; a probability for each label, and which are held present, out. No label is seen.

logit p = STEEPNESS (s - midpoint - CENTRING median_k + PRIOR log π_k), with s standardised over the classes
of an image, median_k over unlabelled images, and π_k the share of captions that name class k (METHOD §6).
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, NamedTuple

import numpy as np
from pydantic import BaseModel, Field, FiniteFloat, TypeAdapter
from scipy.special import expit

from lexiclip.files import checked, read_json, write_json
from lexiclip.scoring.fusion import standardise

# Chosen on development scenes, whose seeds no test scene has (docs/results.md).
STEEPNESS, CENTRING, PRIOR = 2.5, 0.4, 0.2


class Prior(NamedTuple):
    """What captions say of images never seen: labels of an image, and log π (K,), centred."""

    labels_per_image: float
    log_share: np.ndarray


class Rule(NamedTuple):
    """How scores become probabilities: what is taken from each class's score (K,), the score at which p is a
    half, and the probability from which a label is held present."""

    offsets: np.ndarray
    midpoint: float
    threshold: float


def caption_prior(labels_per_image: float, named: np.ndarray) -> Prior:
    """The prior of captions of which `named` (K,) name each class; a class that none names counts as one."""
    log_share = np.log(np.maximum(named, 1))
    return Prior(labels_per_image, log_share - log_share.mean())


def any_rule(classes: int) -> Rule:
    """The rule where neither captions nor unlabelled images are at hand: that of the mini world's development
    scenes, on which every variant has about these two numbers."""
    return Rule(np.zeros(classes), 2.3, 0.3)


def fit_rule(scores: np.ndarray, prior: Prior) -> Rule:
    """The rule of unlabelled images with scores (N, K).

    Probabilities add up to `labels_per_image` an image on average; the threshold is the one of the highest F1
    that they lead to expect. Rounded to four decimals, so that a processor's last digits do not matter.
    """
    scores = standardise(np.asarray(scores, np.float64))
    offsets = (CENTRING * np.median(scores, axis=0) - PRIOR * prior.log_share).round(4)
    wanted = min(prior.labels_per_image, scores.shape[1] / 2) * len(scores)
    midpoint = round(_midpoint(scores - offsets, wanted), 4)
    p = np.sort(expit(STEEPNESS * (scores - offsets - midpoint)), axis=None)[::-1]
    expected_f1 = 2 * np.cumsum(p) / (np.arange(1, p.size + 1) + p.sum())
    return Rule(offsets, midpoint, round(float(p[expected_f1.argmax()]), 4))


def _midpoint(scores: np.ndarray, wanted: float) -> float:
    """Where probabilities of `scores` add up to `wanted`: Newton's method between bounds, else their middle.

    Of scipy.optimize, one root would not be worth the half second that every stage waits for its import.
    """
    span = float(np.abs(scores).max()) + 10
    low, high, midpoint = -span, span, 0.0
    for _ in range(200):
        p = expit(STEEPNESS * (scores - midpoint))
        surplus, slope = float(p.sum()) - wanted, STEEPNESS * float((p * (1 - p)).sum())
        step = surplus / max(slope, 1e-9)
        if abs(step) < 1e-12:
            break
        low, high = (midpoint, high) if surplus > 0 else (low, midpoint)
        midpoint = midpoint + step if low < midpoint + step < high else (low + high) / 2
    return midpoint


def probabilities(scores: np.ndarray, rule: Rule) -> np.ndarray:
    """The probability (..., K) of each label, from the scores (..., K) of an image or of many."""
    return expit(STEEPNESS * (standardise(np.asarray(scores, np.float64)) - rule.offsets - rule.midpoint))


class _StoredRule(BaseModel):
    midpoint: FiniteFloat
    threshold: FiniteFloat
    offsets: dict[str, FiniteFloat]


class _Stored(BaseModel):
    labels_per_image: Annotated[FiniteFloat, Field(gt=0)]
    log_share: dict[str, FiniteFloat]
    rules: dict[str, _StoredRule]


def write_decisions(path: str | Path, names: Sequence[str], prior: Prior, rules: dict[str, Rule]) -> None:
    """Write the prior and the rules, by name, of the classes `names` as JSON."""

    def by_class(values: np.ndarray) -> dict[str, float]:
        return dict(zip(names, values.round(4).tolist(), strict=True))

    stored = {
        "labels_per_image": round(prior.labels_per_image, 4),
        "log_share": by_class(prior.log_share),
        "rules": {name: rule._asdict() | {"offsets": by_class(rule.offsets)} for name, rule in rules.items()},
    }
    write_json(path, stored)


def read_decisions(path: str | Path, names: Sequence[str]) -> tuple[Prior, dict[str, Rule]]:
    """What `write_decisions` wrote, for the classes `names`: one that it does not know gets zeros.

    InputError if the file is not one of these.
    """
    stored = checked(TypeAdapter(_Stored), read_json(path), f"{path} (run `dvc repro ensemble`)")

    def of_names(values: dict[str, float]) -> np.ndarray:
        return np.array([values.get(name, 0.0) for name in names])

    rules = {
        name: Rule(of_names(rule.offsets), rule.midpoint, rule.threshold)
        for name, rule in stored.rules.items()
    }
    return Prior(stored.labels_per_image, of_names(stored.log_share)), rules
