"""Learned context vectors and class names in, prompt embeddings for the text tower out (METHOD §3).

A prompt is [SOS][ctx]·n[class name][.][EOS]; the contexts are the only parameters that ever learn.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from lexiclip.clip.loading import encode_name, tokenize
from lexiclip.clip.text_tower import context_length, embed_tokens
from lexiclip.errors import InputError

INIT_STD = 0.02


class Contexts(NamedTuple):
    """The learned vectors, each (n, d) with d the text tower's width; evidence is None where unused."""

    global_: Tensor
    local: Tensor
    evidence: Tensor | None

    def to(self, like: Tensor | torch.device | torch.dtype | str) -> "Contexts":
        """The same on another device, of another type, or as `like` is."""
        return map_contexts(lambda part: part.to(like), self)


def map_contexts(function: Callable[..., Tensor], *contexts: Contexts) -> Contexts:
    """`function` of the contexts of each branch; None stays None."""
    branches = zip(*contexts, strict=True)
    return Contexts(*(None if branch[0] is None else function(*branch) for branch in branches))


class PromptLayout(NamedTuple):
    """What surrounds a context: sos (1, d) and endings (K, S, d), [class name][.][EOS], EOS at eos (K,)."""

    sos: Tensor
    endings: Tensor
    eos: Tensor


def init_contexts(n: int, width: int, *, evidence: bool, seed: int) -> Contexts:
    """Fresh contexts (n, width) drawn from normal(0, 0.02), by numpy: torch's draws differ with AVX."""
    drawn = np.random.default_rng(seed).normal(0, INIT_STD, (3 if evidence else 2, n, width))
    drawn = torch.from_numpy(drawn.astype(np.float32))
    return Contexts(drawn[0].clone(), drawn[1].clone(), drawn[2].clone() if evidence else None)


def photo_contexts(clip: nn.Module) -> Contexts:
    """Contexts (4, d) that read "a photo of a": tuning starts at CLIP's own. On the CPU."""
    tokens = tokenize(["a photo of a"])
    words = tokens[:, 1 : int(tokens.argmax())].to(next(clip.parameters()).device)
    embedded = embed_tokens(clip, words)[0].cpu()
    return Contexts(embedded, embedded, None)


def prompt_layout(clip: nn.Module, names: Sequence[str], n: int) -> PromptLayout:
    """The frozen embeddings around a context of n vectors, cut at the longest EOS.

    InputError names the class whose prompt is longer than the text tower reads.
    """
    endings = []
    for name in names:
        sos, *ending = encode_name(name)
        if 1 + n + len(ending) > context_length(clip):
            raise InputError(
                f"class {name!r}: its prompt has {1 + n + len(ending)} tokens ({n} of context), the text "
                f"tower reads {context_length(clip)}: shorten the name, or train a shorter context (n_ctx)"
            )
        endings.append(ending)
    longest = max(map(len, endings))
    padded = [ending + [0] * (longest - len(ending)) for ending in endings]  # (K, S)
    eos = [len(ending) - 1 for ending in endings]
    device = next(clip.parameters()).device
    first, rest, eos = (torch.tensor(value, device=device) for value in ([sos], padded, eos))
    return PromptLayout(embed_tokens(clip, first), embed_tokens(clip, rest), eos)


def prompt_beginnings(layout: PromptLayout, contexts: Contexts) -> Tensor:
    """Embeddings (C, 1 + n, d) of SOS and context, one row for each of the two or three contexts."""
    return torch.stack([torch.cat([layout.sos, context]) for context in contexts if context is not None])
