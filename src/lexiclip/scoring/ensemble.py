"""Scores of several variants become one (METHOD §6): their mean, or each class from one variant.

Letters: V variants, N images, K classes.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from lexiclip.errors import InputError
from lexiclip.files import read_json
from lexiclip.scoring.fusion import standardise


def mean_standardised(scores: np.ndarray, votes: np.ndarray) -> np.ndarray:
    """Mean over variants (..., K) of scores (V, ..., K), each standardised over the classes of its image.

    Where votes (V, K) is False, a variant has no say about the class. An image's scores do not depend on the
    other images, so one photo alone gets the same ones.
    """
    mean = np.zeros(scores.shape[1:])
    for of_variant, weight in zip(scores, votes / votes.sum(0), strict=True):  # in order, on any processor
        mean += standardise(of_variant.astype(np.float64)) * weight
    return mean


def class_advantage(scores: np.ndarray, choice: np.ndarray) -> np.ndarray:
    """Column k (N, K) from variant choice[k] of scores (V, N, K). Scales stay the variants' own."""
    return scores[choice, :, np.arange(scores.shape[2])].T  # (K, N) -> (N, K)


def choose_by_caption_ap(caption_ap: np.ndarray) -> np.ndarray:
    """The best variant of each class (K,) by average precision on held-out captions (V, K), no image seen.

    Ties go to the first variant, and so do classes that no held-out caption names (NaN).
    """
    return np.where(np.isnan(caption_ap), -1, caption_ap).argmax(0)  # the first of equals


def votes(hard_classes: Sequence[Sequence[str]], names: Sequence[str]) -> np.ndarray:
    """Which variants have a say about which of `names` (V, K), from the hard classes of each (none: all).

    A variant tuned on hard classes has none about the others: there it has only learnt to say no. About a
    class that nobody else covers all have one.
    """
    own = np.array([[not of_variant or name in of_variant for name in names] for of_variant in hard_classes])
    return own | ~own.any(0)


def join(scores: np.ndarray, choice: np.ndarray, votes: np.ndarray) -> dict[str, np.ndarray]:
    """The ensemble (N, K) of scores (V, N, K) by each rule; standardised, columns of all variants compare."""
    return {
        "mean": mean_standardised(scores, votes),
        "class_advantage": class_advantage(standardise(scores.astype(np.float64)), choice),
    }


def read_caption_ap(paths: Sequence[str | Path], names: Sequence[str]) -> np.ndarray:
    """Held-out AP (V, K) from each variant's JSON file {"per_class": {name: AP}}, NaN where it has none."""
    caption_ap = []
    for path in paths:
        content = read_json(path)
        if not isinstance(content, dict) or not isinstance(content.get("per_class"), dict):
            raise InputError(f'{path}: expected AP on held-out captions under "per_class": train again')
        try:
            caption_ap.append([float(content["per_class"].get(name, "nan")) for name in names])
        except (TypeError, ValueError, OverflowError) as error:
            raise InputError(f"{path}: per_class: expected numbers ({error}): train again") from None
    return np.array(caption_ap)


def read_choice(
    path: str | Path, variants: Sequence[str], names: Sequence[str], left_out: Sequence[str] = ()
) -> np.ndarray:
    """The variant index of each class (K,) from a JSON file {variant: [class names]}.

    InputError unless each class of `names` is chosen exactly once, from a variant of `variants`. Classes of
    `left_out`, which the vocabulary goes without, may be chosen too.
    """
    chosen = read_json(path)
    if not isinstance(chosen, dict):
        raise InputError(f'{path}: expected variants with their classes, as in {{"best": ["dog"]}}')
    choice = {}
    for variant, classes in chosen.items():
        if variant not in variants:
            raise InputError(f"{path}: unknown variant {variant!r}: choose from {', '.join(variants)}")
        if not isinstance(classes, list) or not all(isinstance(name, str) for name in classes):
            raise InputError(f"{path}: {variant}: expected a list of class names")
        for name in classes:
            if name in left_out:
                continue
            if name not in names:
                raise InputError(
                    f"{path}: {variant}: unknown class {name!r}: use the names of the vocabulary"
                )
            if name in choice:
                raise InputError(f"{path}: class {name!r} is chosen twice: keep one")
            choice[name] = list(variants).index(variant)
    missing = [name for name in names if name not in choice]
    if missing:
        raise InputError(f"{path}: no variant for {', '.join(missing)}: name each class once")
    return np.array([choice[name] for name in names])
