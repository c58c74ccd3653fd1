"""Learned context vectors and class names in, prompt embeddings for the text tower out (METHOD §3).

A prompt is [SOS][ctx]·n[class name][.][EOS]; the contexts are the only parameters that ever learn.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from lexiclip.clip.backbone import encode_name
from lexiclip.clip.text_tower import context_length, embed_tokens
from lexiclip.errors import InputError

INIT_STD = 0.02


class Contexts(NamedTuple):
    """The learned vectors, each (n, d) with d the text tower's width; evidence is None where unused."""

    global_: Tensor
    local: Tensor
    evidence: Tensor | None


class PromptLayout(NamedTuple):
    """What stands around a context, for K classes: before (K, 1, d), after (K, S, d), EOS at eos (K,)."""

    before: Tensor
    after: Tensor
    eos: Tensor


def init_contexts(n: int, width: int, *, evidence: bool, seed: int) -> Contexts:
    """Fresh contexts (n, width) drawn from normal(0, 0.02)."""
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.randn(3 if evidence else 2, n, width, generator=generator) * INIT_STD
    return Contexts(drawn[0].clone(), drawn[1].clone(), drawn[2].clone() if evidence else None)


def prompt_layout(clip: nn.Module, names: Sequence[str], n: int) -> PromptLayout:
    """The frozen embeddings around a context of n vectors, cut at the longest EOS.

    InputError names the class whose prompt is longer than the text tower reads.
    """
    sos, ends = [], []
    for name in names:
        start, *rest = encode_name(name)
        if 1 + n + len(rest) > context_length(clip):
            raise InputError(
                f"class {name!r}: its prompt has {1 + n + len(rest)} tokens ({n} of context), the text tower "
                f"reads {context_length(clip)}: shorten the name or lower n"
            )
        sos.append([start])
        ends.append(rest)
    longest = max(map(len, ends))
    device = next(clip.parameters()).device
    padded = torch.tensor([end + [0] * (longest - len(end)) for end in ends], device=device)  # (K, S)
    eos = torch.tensor([n + len(end) for end in ends], device=device)
    return PromptLayout(embed_tokens(clip, torch.tensor(sos, device=device)), embed_tokens(clip, padded), eos)


def prompt_embeddings(layout: PromptLayout, context: Tensor) -> Tensor:
    """The prompts' embeddings (K, 1 + n + S, d) with `context` (n, d) in place."""
    shared = context.expand(len(layout.before), -1, -1)  # (n, d) -> (K, n, d)
    return torch.cat([layout.before, shared, layout.after], dim=1)
