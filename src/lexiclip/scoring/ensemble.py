"""Scores of several variants become one (METHOD §6): their mean, or each class from one variant.

Letters: V variants, N images, K classes.
"""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from lexiclip.errors import InputError
from lexiclip.files import read_json
from lexiclip.scoring.fusion import standardise


def mean_standardised(scores: Tensor, votes: Tensor) -> Tensor:
    """Mean over variants (..., K) of scores (V, ..., K), each standardised over the classes of its image.

    Where votes (V, K) is False, a variant has no say about the class. An image's scores do not depend on the
    other images, so one photo alone gets the same ones.
    """
    return torch.einsum("v...k,vk->...k", standardise(scores.float()), votes / votes.sum(0))


def class_advantage(scores: Tensor, choice: Tensor) -> Tensor:
    """Column k (N, K) from variant choice[k] of scores (V, N, K). Scales stay the variants' own."""
    return scores[choice, :, torch.arange(scores.shape[2])].T  # (K, N) -> (N, K)


def choose_by_caption_ap(caption_ap: Tensor) -> Tensor:
    """The best variant of each class (K,) by average precision on held-out captions (V, K), no image seen.

    Ties go to the first variant, and so do classes that no held-out caption names (NaN).
    """
    known = caption_ap.nan_to_num(-1)
    return (known == known.amax(0)).int().argmax(0)  # argmax of a tie alone may return any


def votes(hard_classes: Sequence[Sequence[str]], names: Sequence[str]) -> Tensor:
    """Which variants have a say about which of `names` (V, K), from the hard classes of each (none: all).

    A variant tuned on hard classes has none about the others: there it has only learnt to say no. About a
    class that nobody else covers all have one.
    """
    own = torch.tensor(
        [[not of_variant or name in of_variant for name in names] for of_variant in hard_classes]
    )
    return own | ~own.any(0)


def join(scores: Tensor, choice: Tensor, votes: Tensor) -> dict[str, Tensor]:
    """The ensemble (N, K) of scores (V, N, K) by each rule; standardised, columns of all variants compare."""
    return {
        "mean": mean_standardised(scores, votes),
        "class_advantage": class_advantage(standardise(scores.float()), choice),
    }


def read_caption_ap(paths: Sequence[str | Path], names: Sequence[str]) -> Tensor:
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
    return torch.tensor(caption_ap)


def read_choice(
    path: str | Path, variants: Sequence[str], names: Sequence[str], left_out: Sequence[str] = ()
) -> Tensor:
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
    return torch.tensor([choice[name] for name in names])
