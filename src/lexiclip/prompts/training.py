"""Stored caption features and labels in, tuned contexts out (METHOD §5): nothing else learns after CLIP.

The text tower runs on class prompts alone; captions come from the feature store.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from lexiclip.clip.backbone import model_id
from lexiclip.clip.feature_store import Store, TextBatch
from lexiclip.clip.text_tower import text_width
from lexiclip.errors import InputError
from lexiclip.prompts.checkpoint import RunState, load_state, save_state
from lexiclip.prompts.class_vectors import encode_contexts
from lexiclip.prompts.contexts import Contexts, PromptLayout, init_contexts, prompt_layout
from lexiclip.prompts.logits import Logits, score
from lexiclip.prompts.losses import cooccurrence_weights, distillation_loss, ranking_loss
from lexiclip.prompts.schedule import learning_rate
from lexiclip.prompts.steps import map_contexts, moved_average, sgd_step


class TrainResult(NamedTuple):
    """The tuned contexts, and one {"epoch", "step", "lr", "loss"} a step."""

    contexts: Contexts
    history: list[dict]


def train_prompts(
    clip: nn.Module,
    store: Store,
    rows: Sequence[int] | np.ndarray,
    labels: Tensor,
    names: Sequence[str],
    *,
    n_ctx: int,
    evidence: bool,
    epochs: int,
    keep_epoch: int,
    batch_size: int,
    lr: float,
    warmup_epochs: int,
    warmup_lr: float,
    weight_decay: float,
    momentum: float,
    ema_decay: float | None,
    cooccurrence: Tensor | None,
    init: Contexts | None,
    seed: int,
    result: Literal["student", "average"] = "student",
    checkpoint: Path | None = None,
) -> TrainResult:
    """Tune contexts on the texts at `rows` (N,) of `store` with labels (N, K), on the device of `clip`.

    Stops after epoch `keep_epoch`; `epochs` sets the cosine's length alone. With `checkpoint`, a killed run
    goes on where its last epoch ended. InputError: no texts, `init` of other shapes, a loss not finite.
    """
    rows, device, width = np.asarray(rows), next(clip.parameters()).device, text_width(clip)
    start = init or init_contexts(n_ctx, width, evidence=evidence, seed=seed)
    _check_shapes(start, (n_ctx, width), evidence, len(rows), labels, names)
    if not 1 <= keep_epoch <= epochs or (result == "average" and ema_decay is None):
        raise InputError(
            f"keep_epoch {keep_epoch} of {epochs}, result {result!r}, ema_decay {ema_decay}: keep_epoch "
            "must lie in 1..epochs, and result 'average' needs an ema_decay"
        )
    schedule = {"lr": lr, "epochs": epochs, "warmup_epochs": warmup_epochs, "warmup_lr": warmup_lr}
    sgd = {"momentum": momentum, "weight_decay": weight_decay}
    settings = [schedule, sgd, keep_epoch, batch_size, ema_decay, seed, model_id(clip), *names]
    run = _run_id(settings, [torch.as_tensor(rows), labels, cooccurrence, *start])
    fresh = RunState(start, start, map_contexts(torch.zeros_like, start), [], 0)
    state = load_state(checkpoint, run) or fresh
    student, average, velocity = (map_contexts(lambda part: part.to(device), state[i]) for i in range(3))
    layout, labels = prompt_layout(clip, names, n_ctx), labels.to(device)
    weights = None if cooccurrence is None else cooccurrence_weights(cooccurrence.to(device))

    history = list(state.history)
    for epoch in range(state.epoch, keep_epoch):
        rate = learning_rate(epoch, **schedule)
        bar = tqdm(list(_batches(len(rows), batch_size, seed, epoch)), desc=f"epoch {epoch + 1}/{keep_epoch}")
        for step, picked in enumerate(bar):
            if ema_decay is not None:
                average = moved_average(average, student, ema_decay)
            teacher = None if ema_decay is None else average
            batch = store.batch(rows[picked], device)
            loss, gradients = _gradients(clip, layout, batch, labels[picked], student, teacher, weights)
            if not np.isfinite(loss):
                raise InputError(f"loss is {loss} at epoch {epoch + 1}, step {step + 1}: lower lr ({rate:g})")
            student, velocity = sgd_step(student, gradients, velocity, lr=rate, **sgd)
            history.append({"epoch": epoch + 1, "step": step + 1, "lr": rate, "loss": round(loss, 6)})
            bar.set_postfix(loss=f"{loss:.4f}")
        if checkpoint is not None:
            save_state(checkpoint, RunState(student, average, velocity, history, epoch + 1), run)
    return TrainResult(map_contexts(Tensor.cpu, average if result == "average" else student), history)


def _gradients(
    clip: nn.Module,
    layout: PromptLayout,
    batch: TextBatch,
    labels: Tensor,
    student: Contexts,
    teacher: Contexts | None,
    weights: Tensor | None,
) -> tuple[float, Contexts]:
    """The loss of a batch and its gradient by each of the student's contexts."""
    student = map_contexts(lambda context: context.detach().requires_grad_(), student)
    logits = _logits(clip, layout, batch, student)
    loss = ranking_loss(logits.global_, labels, weights) + ranking_loss(logits.local, labels, weights)
    if teacher is not None:
        with torch.no_grad():
            average = _logits(clip, layout, batch, teacher)
        loss = loss + distillation_loss(logits, average)
    gradients = iter(torch.autograd.grad(loss, [context for context in student if context is not None]))
    return float(loss.detach()), map_contexts(lambda _: next(gradients), student)


def _logits(clip: nn.Module, layout: PromptLayout, batch: TextBatch, contexts: Contexts) -> Logits:
    device = batch.local.device.type
    # Only the tower runs in bf16: the spatial scale of 50 would turn its rounding into other weights.
    with torch.autocast(device, torch.bfloat16, enabled=device == "cuda"):
        vectors = encode_contexts(clip, contexts, layout)
    return score(batch.global_, batch.local, vectors, batch.mask)


def _batches(count: int, batch_size: int, seed: int, epoch: int) -> Iterator[np.ndarray]:
    """Shuffled whole batches; what is left over waits for another epoch, unless it is all there is."""
    order = np.random.default_rng([seed, epoch]).permutation(count)
    for start in range(0, max(count - batch_size, 0) + 1, batch_size):
        yield order[start : start + batch_size]


def _check_shapes(
    start: Contexts, shape: tuple[int, int], evidence: bool, count: int, labels: Tensor, names: Sequence[str]
) -> None:
    found = [None if context is None else tuple(context.shape) for context in start]
    if found != [shape, shape, shape if evidence else None]:
        raise InputError(
            f"init: contexts of shapes {found} (global, local, evidence), this variant has {shape} "
            f"{'with' if evidence else 'without'} evidence: start from a variant like it, or from none"
        )
    if count == 0 or tuple(labels.shape) != (count, len(names)):
        raise InputError(f"labels of shape {tuple(labels.shape)} for {count} texts and {len(names)} classes")


def _run_id(settings: list, tensors: list[Tensor | None]) -> str:
    """Differs when anything differs that the outcome depends on."""
    digest = hashlib.sha256(json.dumps(settings).encode())
    for tensor in tensors:
        digest.update(b"none" if tensor is None else tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
