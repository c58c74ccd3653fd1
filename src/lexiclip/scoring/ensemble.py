"""Scores of several variants become one (METHOD §6): their mean, ours, or each class from one variant.

Letters: V variants, N images, K classes.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from pydantic import BaseModel

from lexiclip.errors import InputError, did_you_mean
from lexiclip.files import existing, read_json
from lexiclip.params import PROTOTYPES, Params
from lexiclip.scoring.fusion import standardise
from lexiclip.scoring.lift import read_lift, with_lift
from lexiclip.validation import checked


class Ensemble(NamedTuple):
    """How the scores of V variants are joined."""

    members: Sequence[str]
    choice: np.ndarray  # (K,) the member that each class is taken from, by class advantage
    mask: np.ndarray  # (V, K) the classes that a member counts for in the mean
    lift: np.ndarray  # (K, K) log lift of classes that are seen together


class CaptionAP(BaseModel, strict=True):
    """Average precision on held-out captions, in per cent, as the stage train writes it."""

    per_class: dict[str, float]


def mean_standardised(scores: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Mean over variants (..., K) of scores (V, ..., K), each standardised over the classes of its image.

    A variant counts for the classes where mask (V, K) is True. No image's scores depend on other images.
    """
    mean = np.zeros(scores.shape[1:])
    for of_variant, weight in zip(scores, mask / mask.sum(0), strict=True):  # in order, on any processor
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


def class_mask(hard_classes: Sequence[Sequence[str]], names: Sequence[str]) -> np.ndarray:
    """Mask (V, K) of `names`, from the hard classes that each variant was tuned on (none: all classes).

    Variants tuned on hard classes are excluded elsewhere, having seen other classes only as negatives. A
    class that all variants would be excluded from is covered by all.
    """
    own = np.array([[not of_variant or name in of_variant for name in names] for of_variant in hard_classes])
    return own | ~own.any(0)


def with_prototypes(mean: np.ndarray, prototypes: np.ndarray) -> np.ndarray:
    """The mean of text variants (..., K) and the prototypes, which are made of images, in equal parts."""
    return (standardise(mean) + standardise(prototypes.astype(np.float64))) / 2


def ours(mean: np.ndarray, prototypes: np.ndarray, lift: np.ndarray) -> np.ndarray:
    """Our ensemble (..., K): `with_prototypes`, moved by the log lift (K, K) of classes seen together."""
    return with_lift(with_prototypes(mean, prototypes), lift)


def join(scores: dict[str, np.ndarray], ensemble: Ensemble) -> dict[str, np.ndarray]:
    """The ensemble (N, K) of scores (N, K) by variant, by each rule; prototypes take part in our rule alone.

    Scores are standardised, so that variants are comparable.
    """
    stacked = np.stack([scores[variant] for variant in ensemble.members])  # (V, N, K)
    mean = mean_standardised(stacked, ensemble.mask)
    return {
        "mean": mean,
        "ours": ours(mean, scores[PROTOTYPES], ensemble.lift),
        "class_advantage": class_advantage(standardise(stacked.astype(np.float64)), ensemble.choice),
    }


def load_ensemble(params: Params, names: Sequence[str]) -> Ensemble:
    """The ensemble of the study: its params, metrics/captions_ap or the file of choices, models/lift.npz."""
    members, chosen = params.members, params.ensemble.choice
    if chosen:
        choice = read_choice(existing(chosen, "ensemble.choice"), members, names, params.vocabulary.without)
    else:
        files = [f"metrics/captions_ap/{variant}.json" for variant in members]
        choice = choose_by_caption_ap(read_caption_ap(files, names))
    mask = class_mask(params.hard_classes(members), names)
    return Ensemble(members, choice, mask, read_lift("models/lift.npz", names))


def read_caption_ap(paths: Sequence[str | Path], names: Sequence[str]) -> np.ndarray:
    """Held-out AP (V, K) from each variant's JSON file {"per_class": {name: AP}}, NaN where it has none."""
    files = [checked(CaptionAP, read_json(path), f"{path} (train again)") for path in paths]
    return np.array([[file.per_class.get(name, np.nan) for name in names] for file in files])


def read_choice(
    path: str | Path, variants: Sequence[str], names: Sequence[str], left_out: Sequence[str] = ()
) -> np.ndarray:
    """The variant index of each class (K,) from a JSON file {variant: [class names]}.

    InputError unless each class of `names` is chosen exactly once, from a variant of `variants`. Classes of
    `left_out`, which the vocabulary goes without, may be chosen too.
    """
    choice = {}
    for variant, classes in checked(dict[str, list[str]], read_json(path), path).items():
        if variant not in variants:
            raise InputError(f"{path}: unknown variant {variant!r}: choose from {', '.join(variants)}")
        for name in classes:
            if name not in names and name not in left_out:
                hint = did_you_mean(name, [*names, *left_out])
                raise InputError(f"{path}: {variant}: the vocabulary has no class {name!r}{hint}")
            if name in choice:
                raise InputError(f"{path}: class {name!r} is chosen twice: keep one")
            choice[name] = list(variants).index(variant)
    if missing := [name for name in names if name not in choice]:
        raise InputError(f"{path}: no variant for {', '.join(missing)}: name each class once")
    return np.array([choice[name] for name in names])
