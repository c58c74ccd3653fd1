"""The captions nearest to images and windows (METHOD §6): features in, their mean and cosines out."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from lexiclip.errors import InputError

K_NEAREST = 10
CHUNK = 16384  # captions compared at once: 256 views take 16 MiB of cosines


class Retrieved(NamedTuple):
    """What Q queries found."""

    mean: Tensor  # (Q, D) mean of the k nearest captions, not normalised
    sims: Tensor  # (Q, k) their cosines, nearest first


class CaptionSets(NamedTuple):
    """The captions of all variants, each once. Those that the same variants hold lie together: a group."""

    features: Tensor  # (U, D) L2-normalised, group after group
    sizes: list[int]  # of the groups
    groups: dict[str, list[int]]  # the groups whose captions a variant holds


def caption_sets(features: Tensor, rows: dict[str, Sequence[int]]) -> CaptionSets:
    """Caption features (N, D) sorted into groups; variant v holds the captions `rows[v]` of them, each once.

    InputError for a variant that holds fewer than K_NEAREST.
    """
    held = torch.zeros(len(features), len(rows), dtype=torch.bool)
    for column, (variant, of_variant) in enumerate(rows.items()):
        held[torch.as_tensor(of_variant, dtype=torch.long), column] = True
        _check(int(held[:, column].sum()), K_NEAREST, f"variant {variant}: ")
    features, held = features[held.any(1)], held[held.any(1)]
    if not len(held):
        return CaptionSets(features, [], {})
    kinds, group_of = held.unique(dim=0, return_inverse=True)  # (G, V), (U,)
    groups = {variant: kinds[:, column].nonzero().flatten().tolist() for column, variant in enumerate(rows)}
    order = group_of.argsort(stable=True)
    return CaptionSets(features[order], group_of.bincount(minlength=len(kinds)).tolist(), groups)


def retrieve_for_each(queries: Tensor, sets: CaptionSets) -> dict[str, Retrieved]:
    """For every variant, what `retrieve` finds among its captions; a caption is compared once for them all.

    The nearest captions of a variant are the nearest among the nearest of each of its groups.
    """
    near, start = [], 0
    for size in sets.sizes:
        sims, rows = _nearest(queries, sets.features[start : start + size])  # (Q, <=k) each
        near.append((sims, rows + start))
        start += size
    found = {}
    for variant, groups in sets.groups.items():
        sims, rows = (torch.cat([near[group][part] for group in groups], 1) for part in (0, 1))
        sims, best = sims.topk(K_NEAREST)  # (Q, k)
        found[variant] = Retrieved(sets.features[rows.gather(1, best)].mean(1), sims)
    return found


def retrieve(queries: Tensor, captions: Tensor, k: int = K_NEAREST, chunk: int = CHUNK) -> Retrieved:
    """The k exact nearest by cosine of queries (Q, D) among captions (N, D), both L2-normalised.

    Captions are read `chunk` rows at a time, in any floating type, so that Q·N cosines are never held.
    InputError for fewer captions than k.
    """
    _check(len(captions), k)
    sims, rows = _nearest(queries, captions, k, chunk)
    return Retrieved(captions[rows.to(captions.device)].to(queries).mean(1), sims)  # (Q, k, D) -> (Q, D)


def _nearest(
    queries: Tensor, captions: Tensor, k: int = K_NEAREST, chunk: int = CHUNK
) -> tuple[Tensor, Tensor]:
    """Cosines and rows (Q, k) of the nearest captions, nearest first; fewer columns for fewer captions."""
    sims = queries.new_empty(len(queries), 0)
    rows = torch.empty(len(queries), 0, dtype=torch.long, device=queries.device)
    for start in range(0, len(captions), chunk):
        near = queries @ captions[start : start + chunk].to(queries).T  # (Q, chunk)
        near, index = near.topk(min(k, near.shape[1]))
        sims, rows = torch.cat([sims, near], 1), torch.cat([rows, index + start], 1)
        sims, best = sims.topk(min(k, sims.shape[1]))  # (Q, k)
        rows = rows.gather(1, best)
    return sims, rows


def _check(captions: int, k: int, owner: str = "") -> None:
    if captions < k:
        raise InputError(
            f"{owner}{captions} captions cannot give the {k} nearest: add captions or turn retrieval off"
        )
