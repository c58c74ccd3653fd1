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
    """Deduplicated captions of all variants, grouped by which variants use them."""

    features: Tensor  # (U, D) L2-normalised, group after group
    sizes: list[int]  # of the groups
    groups: dict[str, list[int]]  # the groups that a variant uses


def caption_sets(features: Tensor, rows: dict[str, Sequence[int]]) -> CaptionSets:
    """Caption features (N, D) sorted into groups; variant v uses the captions `rows[v]` of them, each once.

    InputError for a variant with fewer than K_NEAREST.
    """
    used = torch.zeros(len(features), len(rows), dtype=torch.bool)
    for column, (variant, of_variant) in enumerate(rows.items()):
        used[torch.as_tensor(of_variant, dtype=torch.long), column] = True
        if (count := int(used[:, column].sum())) < K_NEAREST:
            raise InputError(
                f"variant {variant}: {count} captions cannot give the {K_NEAREST} nearest: "
                "add captions or turn retrieval off"
            )
    features, used = features[used.any(1)], used[used.any(1)]
    if not len(used):
        return CaptionSets(features, [], {})
    kinds, group_of = used.unique(dim=0, return_inverse=True)  # (G, V), (U,)
    groups = {variant: kinds[:, column].nonzero().flatten().tolist() for column, variant in enumerate(rows)}
    order = group_of.argsort(stable=True)
    return CaptionSets(features[order], group_of.bincount(minlength=len(kinds)).tolist(), groups)


def retrieve(queries: Tensor, sets: CaptionSets) -> dict[str, Retrieved]:
    """The K_NEAREST captions of each variant by cosine to queries (Q, D); a caption is compared once for all.

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


def _nearest(queries: Tensor, captions: Tensor) -> tuple[Tensor, Tensor]:
    """Cosines and rows (Q, <=k) of the nearest captions, nearest first, read CHUNK captions at a time."""
    sims = queries.new_empty(len(queries), 0)
    rows = torch.empty(len(queries), 0, dtype=torch.long, device=queries.device)
    for start in range(0, len(captions), CHUNK):
        near = queries @ captions[start : start + CHUNK].to(queries).T  # (Q, chunk)
        near, index = near.topk(min(K_NEAREST, near.shape[1]))
        sims, rows = torch.cat([sims, near], 1), torch.cat([rows, index + start], 1)
        sims, best = sims.topk(min(K_NEAREST, sims.shape[1]))  # (Q, k)
        rows = rows.gather(1, best)
    return sims, rows
