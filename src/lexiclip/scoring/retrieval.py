"""The captions nearest to images and windows (METHOD §6): features in, their mean and cosines out."""

from typing import NamedTuple

import torch
from torch import Tensor

from lexiclip.errors import InputError


class Retrieved(NamedTuple):
    """What Q queries found."""

    mean: Tensor  # (Q, D) mean of the k nearest captions, not normalised
    sims: Tensor  # (Q, k) their cosines, nearest first


def retrieve(queries: Tensor, captions: Tensor, k: int = 10, chunk: int = 16384) -> Retrieved:
    """The k exact nearest by cosine of queries (Q, D) among captions (N, D), both L2-normalised.

    Captions are read `chunk` rows at a time, in any floating type, so that Q·N cosines are never held.
    InputError for fewer captions than k.
    """
    if len(captions) < k:
        raise InputError(
            f"{len(captions)} captions cannot give the {k} nearest: add captions or turn retrieval off"
        )
    sims = queries.new_empty(len(queries), 0)
    rows = torch.empty(len(queries), 0, dtype=torch.long, device=queries.device)
    for start in range(0, len(captions), chunk):
        near = queries @ captions[start : start + chunk].to(queries).T  # (Q, chunk)
        near, index = near.topk(min(k, near.shape[1]))
        sims, rows = torch.cat([sims, near], 1), torch.cat([rows, index + start], 1)
        sims, best = sims.topk(min(k, sims.shape[1]))  # (Q, k)
        rows = rows.gather(1, best)
    found = captions[rows.to(captions.device)].to(queries)  # (Q, k, D)
    return Retrieved(found.mean(1), sims)
