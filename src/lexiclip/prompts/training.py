"""Stored caption features and labels in, tuned contexts out (METHOD §5): nothing else is trained after CLIP.

The text tower runs on class prompts alone; captions come from the feature store.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from lexiclip.clip.feature_store import Store, TextBatch
from lexiclip.clip.loading import model_id
from lexiclip.clip.text_tower import text_width
from lexiclip.distributed import rank_and_count, summed
from lexiclip.precision import rounded
from lexiclip.prompts.checkpoint import RunState, load_state, save_state
from lexiclip.prompts.checks import check_request, check_same_epoch, check_start, diverged
from lexiclip.prompts.class_vectors import encode_contexts
from lexiclip.prompts.contexts import Contexts, PromptLayout, init_contexts, map_contexts, prompt_layout
from lexiclip.prompts.heldout import HeldOut, caption_map
from lexiclip.prompts.logits import Logits, score
from lexiclip.prompts.losses import cooccurrence_weights, distillation_loss, ranking_loss
from lexiclip.prompts.schedule import Tuning, learning_rate
from lexiclip.prompts.steps import ema_update, sgd_step


class TrainResult(NamedTuple):
    """The tuned contexts; {"step", "epoch", "lr", "loss"} of each step; the same of each epoch.

    An epoch's loss is the mean of its steps'; with held-out captions it has a "caption_mAP", in per cent.
    """

    contexts: Contexts
    steps: list[dict]
    epochs: list[dict]


def train_prompts(
    clip: nn.Module,
    store: Store,
    rows: Sequence[int] | np.ndarray,
    labels: Tensor,
    names: Sequence[str],
    how: Tuning,
    *,
    cooccurrence: Tensor | None = None,
    init: Contexts | None = None,
    heldout: HeldOut | None = None,
    checkpoint: Path | None = None,
) -> TrainResult:
    """Tune contexts on the texts at `rows` (N,) of `store` with labels (N, K), on the device of `clip`.

    `cooccurrence` (K, K) weighs pairs of classes, `init` are contexts to start from. With `checkpoint`, a
    killed run goes on where its last epoch ended. Under torchrun, batches are shared among processes.
    InputError: no texts, `init` of other shapes, a loss not finite.
    """
    rows, like, width = np.asarray(rows), next(clip.parameters()), text_width(clip)
    start = init or init_contexts(how.n_ctx, width, evidence=how.evidence, seed=how.seed)
    check_start(start, (how.n_ctx, width), how.evidence)
    check_request(rows, labels, names, how, heldout)
    sgd = {"momentum": how.momentum, "weight_decay": how.weight_decay}
    run = _run_id(
        [*how, model_id(clip), *names, store.digest], [rows, labels, cooccurrence, *start, *(heldout or ())]
    )
    fresh = RunState(start, start, map_contexts(torch.zeros_like, start), start, [], [])
    state = load_state(checkpoint, run) or fresh
    check_same_epoch(len(state.epochs), like.device)
    student, average, velocity, kept = (contexts.to(like) for contexts in state[:4])
    layout, labels = prompt_layout(clip, names, how.n_ctx), labels.to(like.device)
    weights = None if cooccurrence is None else cooccurrence_weights(cooccurrence.to(like))

    rank, processes = rank_and_count()
    steps, ended = list(state.steps), list(state.epochs)
    last = how.epochs if how.keep_epoch == "heldout" else how.keep_epoch
    for epoch in range(len(ended) + 1, last + 1):
        rate = learning_rate(epoch - 1, how.lr, how.epochs, how.warmup_epochs, how.warmup_lr)
        batches = list(_batches(len(rows), how.batch_size, how.seed, epoch - 1))
        bar = tqdm(batches, desc=f"epoch {epoch}/{last}", unit="step", disable=rank > 0)
        for picked in bar:
            teacher = None
            if how.ema_decay is not None:
                teacher = average = map_contexts(rounded, ema_update(average, student, how.ema_decay))
            mine = picked[rank::processes]
            batch, share = store.batch(rows[mine], like), len(mine) / len(picked)
            loss, gradients = _gradients(clip, layout, batch, labels[mine], student, teacher, weights, share)
            # Processors differ here: after rounding to bf16 in one number of 1e11, to float32 in one of 1e7.
            gradients = map_contexts(lambda g: rounded(g, torch.bfloat16), gradients)
            steps.append({"step": len(steps) + 1, "epoch": epoch, "lr": rate, "loss": round(loss, 6)})
            if not np.isfinite(loss):
                raise diverged(steps[-1], checkpoint if ended else None)
            moved = sgd_step(student, gradients, velocity, lr=rate, **sgd)
            student, velocity = (map_contexts(rounded, contexts) for contexts in moved)
            bar.set_postfix(loss=f"{loss:.4f}")
        # No loss has seen the contexts of the last step: if they diverged, they must not replace good ones.
        if not all(context.isfinite().all() for context in student if context is not None):
            raise diverged(steps[-1], checkpoint if ended else None)
        tuned = average if how.result == "average" else student
        mean_loss = fmean(step["loss"] for step in steps[-len(batches) :])
        ended.append({"step": len(steps), "epoch": epoch, "lr": rate, "loss": round(mean_loss, 6)})
        if heldout is not None:
            with torch.no_grad():
                vectors = encode_contexts(clip, tuned, layout)
            ended[-1]["caption_mAP"] = caption_map(store, heldout, vectors)
        if how.keep_epoch != "heldout" or ended[-1] is max(ended, key=lambda row: row["caption_mAP"]):
            kept = tuned
        if checkpoint is not None and rank == 0:
            save_state(checkpoint, RunState(student, average, velocity, kept, steps, ended), run)
    return TrainResult(kept.to("cpu"), steps, ended)


def _gradients(
    clip: nn.Module,
    layout: PromptLayout,
    batch: TextBatch,
    labels: Tensor,
    student: Contexts,
    teacher: Contexts | None,
    weights: Tensor | None,
    share: float,
) -> tuple[float, Contexts]:
    """The loss of a batch, of which this process holds a `share`, and its gradient by each context."""
    student = map_contexts(lambda context: context.detach().requires_grad_(), student)
    logits = _logits(clip, layout, batch, student)
    loss = ranking_loss(logits.global_, labels, weights) + ranking_loss(logits.local, labels, weights)
    if teacher is not None:
        with torch.no_grad():
            average = _logits(clip, layout, batch, teacher)
        loss = loss + distillation_loss(logits, average)
    found = torch.autograd.grad(loss, [context for context in student if context is not None])
    loss, *gradients = summed([share * part for part in (loss.detach(), *found)])
    remaining = iter(gradients)
    return float(loss), map_contexts(lambda _: next(remaining), student)


def _logits(clip: nn.Module, layout: PromptLayout, batch: TextBatch, contexts: Contexts) -> Logits:
    device = batch.local.device.type
    # Only the tower runs in bf16: the spatial scale of 50 would turn its rounding into other weights.
    with torch.autocast(device, torch.bfloat16, enabled=device == "cuda"):
        vectors = encode_contexts(clip, contexts, layout)
    return score(batch.global_, batch.local, vectors, batch.mask)


def _batches(count: int, batch_size: int, seed: int, epoch: int) -> Iterator[np.ndarray]:
    """Shuffled full batches; a remainder is left out of the epoch, unless there is nothing else."""
    order = np.random.default_rng([seed, epoch]).permutation(count)
    for start in range(0, max(count - batch_size, 0) + 1, batch_size):
        yield order[start : start + batch_size]


def _run_id(settings: list, arrays: list[Tensor | np.ndarray | None]) -> str:
    """A hash of everything that the result depends on."""
    digest = hashlib.sha256(json.dumps(settings).encode())
    for array in arrays:
        digest.update(b"none" if array is None else np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
