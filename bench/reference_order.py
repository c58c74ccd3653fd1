"""A training step as the reference solution orders it (METHOD §8), written plainly, to be timed against ours.

All captions of a batch go through the text tower at every step, 77 positions each; so does every class
prompt, once a context. The results are those of `lexiclip.prompts.training`.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lexiclip.clip.loading import encode_name
from lexiclip.clip.text_tower import context_length, embed_tokens, project, text_tower
from lexiclip.prompts.class_vectors import ClassVectors
from lexiclip.prompts.contexts import Contexts
from lexiclip.prompts.logits import score


def full_tower(clip: nn.Module, embeddings: Tensor) -> Tensor:
    """L2-normalised features (B, 77, D) of token embeddings (B, 77, d)."""
    tower = text_tower(clip)
    outputs = tower.transformer(embeddings + tower.positional_embedding, attn_mask=tower.attn_mask)
    return F.normalize(project(clip, tower.ln_final(outputs)), dim=-1)


@torch.no_grad()
def encode_captions(clip: nn.Module, tokens: Tensor) -> Tensor:
    """Local features (B, 77, D) of tokens (B, 77)."""
    return full_tower(clip, embed_tokens(clip, tokens))


def encode_prompts(clip: nn.Module, context: Tensor, names: Sequence[str]) -> Tensor:
    """Class vectors (K, D) under one context (n, d)."""
    length, n = context_length(clip), len(context)
    tokens = torch.zeros(len(names), length, dtype=torch.long)
    eos = []
    for row, name in enumerate(names):
        sos, *ending = encode_name(name)
        tokens[row, 0] = sos
        tokens[row, 1 + n : 1 + n + len(ending)] = torch.tensor(ending)
        eos.append(n + len(ending))
    frozen = embed_tokens(clip, tokens.to(context.device))  # (K, 77, d)
    shared = context.expand(len(names), -1, -1)
    embeddings = torch.cat([frozen[:, :1], shared, frozen[:, 1 + n :]], dim=1)
    return full_tower(clip, embeddings)[range(len(names)), eos]


def ranking(logits: Tensor, labels: Tensor) -> Tensor:
    """The ranking loss over all pairs of classes, positive and negative or not."""
    margins = 1 - logits.unsqueeze(1) + logits.unsqueeze(2)  # (B, q, p)
    pairs = (labels == 0).unsqueeze(2) & (labels == 1).unsqueeze(1)
    return (margins.clamp(min=0) * pairs).sum(dim=(1, 2)).mean()


def reference_step(
    clip: nn.Module,
    contexts: Contexts,
    optimizer: torch.optim.Optimizer,
    tokens: Tensor,
    labels: Tensor,
    names: Sequence[str],
) -> float:
    """One step on tokens (B, 77) with labels (B, K), `contexts` changed in place; the loss."""
    local = encode_captions(clip, tokens)  # (B, 77, D)
    eos = tokens.argmax(dim=-1)
    mask = torch.arange(tokens.shape[1], device=eos.device) <= eos[:, None]  # (B, 77)
    vectors = ClassVectors(*(None if c is None else encode_prompts(clip, c, names) for c in contexts))
    logits = score(local[torch.arange(len(local)), eos], local, vectors, mask)
    loss = ranking(logits.global_, labels) + ranking(logits.local, labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return float(loss.detach())
