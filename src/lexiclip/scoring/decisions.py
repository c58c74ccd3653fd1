"""Scores of images in; a probability for each label, and which labels are predicted, out. No label is seen.

logit p = STEEPNESS (s - midpoint + PRIOR log π_k), with s standardised over the classes of an image and π_k
the share of captions that name class k (METHOD §6).
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, NamedTuple

import numpy as np
from pydantic import BaseModel, Field, FiniteFloat

from lexiclip.files import read_json, write_json
from lexiclip.scoring.fusion import standardise
from lexiclip.validation import checked

# Chosen on development scenes, whose seeds no test scene has (docs/results.md).
STEEPNESS, PRIOR = 2.5, 0.2


class Prior(NamedTuple):
    """What captions say of images: the mean number of labels, and log π (K,), centred."""

    labels_per_image: float
    log_share: np.ndarray


class Rule(NamedTuple):
    """What each class's score (K,) gains, the score where p is a half, and the lowest p that is predicted."""

    gain: np.ndarray
    midpoint: float
    threshold: float


def caption_prior(labels_per_image: float, named: np.ndarray) -> Prior:
    """The prior of captions of which `named` (K,) name each class; a class that none names counts as one."""
    log_share = np.log(np.maximum(named, 1))
    return Prior(labels_per_image, (log_share - log_share.mean()).round(4))


def default_rule(classes: int) -> Rule:
    """The rule where there are neither captions nor unlabelled images: on the mini world's development scenes
    all variants have about these two numbers."""
    return Rule(np.zeros(classes), 2.3, 0.3)


def fit_rule(scores: np.ndarray, prior: Prior) -> Rule:
    """The rule of unlabelled images with scores (N, K).

    Probabilities add up to `labels_per_image` an image on average; the threshold maximises the F1 that they
    predict. Rounded to four decimals, so that a processor's last digits do not matter.
    """
    from scipy.optimize import brentq  # slow to import, and `lexiclip predict` fits nothing

    gain = PRIOR * prior.log_share
    scores = standardise(np.asarray(scores, np.float64)) + gain
    wanted = min(prior.labels_per_image, scores.shape[1] / 2) * len(scores)

    def surplus(midpoint: float) -> float:
        return _sigmoid(STEEPNESS * (scores - midpoint)).sum() - wanted

    span = np.abs(scores).max() + 10
    midpoint = round(brentq(surplus, -span, span), 4)
    p = np.sort(_sigmoid(STEEPNESS * (scores - midpoint)), axis=None)[::-1]
    expected_f1 = 2 * np.cumsum(p) / (np.arange(1, p.size + 1) + p.sum())
    return Rule(gain, midpoint, round(float(p[expected_f1.argmax()]), 4))


def probabilities(scores: np.ndarray, rule: Rule) -> np.ndarray:
    """The probability (..., K) of each label, from the scores (..., K) of an image or of many."""
    return _sigmoid(STEEPNESS * (standardise(np.asarray(scores, np.float64)) + rule.gain - rule.midpoint))


def _sigmoid(values: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-values))  # scipy's, with the same bytes, is imported for a third of a second


class _StoredRule(BaseModel, strict=True):
    midpoint: FiniteFloat
    threshold: Annotated[FiniteFloat, Field(ge=0, le=1)]


class _Stored(BaseModel, strict=True):
    labels_per_image: Annotated[FiniteFloat, Field(gt=0)]
    log_share: dict[str, FiniteFloat]
    rules: dict[str, _StoredRule]


def write_decisions(path: str | Path, names: Sequence[str], prior: Prior, rules: dict[str, Rule]) -> None:
    """Write the prior of the classes `names` and the rules, by name, as JSON."""
    stored = {
        "labels_per_image": round(prior.labels_per_image, 4),
        "log_share": dict(zip(names, prior.log_share.tolist(), strict=True)),
        "rules": {
            name: {"midpoint": rule.midpoint, "threshold": rule.threshold} for name, rule in rules.items()
        },
    }
    write_json(path, stored)


def read_decisions(path: str | Path, names: Sequence[str]) -> tuple[Prior, dict[str, Rule]]:
    """What `write_decisions` wrote, for the classes `names`; one that the file does not know gains nothing.

    InputError if the file is not one of these.
    """
    stored = checked(_Stored, read_json(path), f"{path} (run `dvc repro ensemble`)")
    log_share = np.array([stored.log_share.get(name, 0.0) for name in names])
    rules = {
        name: Rule(PRIOR * log_share, rule.midpoint, rule.threshold) for name, rule in stored.rules.items()
    }
    return Prior(stored.labels_per_image, log_share), rules
