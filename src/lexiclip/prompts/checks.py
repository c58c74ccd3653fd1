"""What a training run refuses, each in one line: starts and requests that do not fit, a diverged loss."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from lexiclip.distributed import rank_and_count, summed
from lexiclip.errors import InputError
from lexiclip.prompts.contexts import Contexts
from lexiclip.prompts.heldout import HeldOut
from lexiclip.prompts.schedule import Tuning


def check_start(start: Contexts, shape: tuple[int, int], evidence: bool) -> None:
    """InputError unless each context to start from has `shape`, and there is one for evidence if need be."""
    found = [None if context is None else tuple(context.shape) for context in start]
    if found != [shape, shape, shape if evidence else None]:
        raise InputError(
            f"init: contexts of shapes {found} (global, local, evidence), this variant has {shape} "
            f"{'with' if evidence else 'without'} evidence: start from a variant like it, or from none"
        )


def check_request(
    rows: np.ndarray, labels: Tensor, names: Sequence[str], how: Tuning, heldout: HeldOut | None
) -> None:
    """InputError unless there are texts with labels (N, K), enough of them, and captions to choose by."""
    if len(rows) == 0 or tuple(labels.shape) != (len(rows), len(names)):
        raise InputError(
            f"labels of shape {tuple(labels.shape)} for {len(rows)} texts and {len(names)} classes"
        )
    if heldout is not None and not heldout.labels[:, heldout.classes].any():
        raise InputError("no held-out caption names a class that is tuned: raise mix.heldout_share")
    smallest, processes = min(how.batch_size, len(rows)), rank_and_count()[1]
    if smallest < processes:
        raise InputError(f"a batch of {smallest} texts for {processes} processes: start fewer of them")


def check_same_epoch(epoch: int, device: torch.device) -> None:
    """Wait for all processes. InputError unless they go on from the same epoch."""
    (total,) = summed([torch.tensor(float(epoch), device=device)])
    if int(total) != epoch * rank_and_count()[1]:
        raise InputError("the processes see different checkpoints: start all of them on one file system")


def diverged(step: dict, checkpoint: Path | None) -> InputError:
    """The error for a loss or a context that is not finite."""
    kept = f"; {checkpoint} keeps the epoch before" if checkpoint else ""
    return InputError(
        f"training diverged at step {step['step']}, epoch {step['epoch']} (loss {step['loss']:g}): "
        f"lower lr ({step['lr']:g}){kept}"
    )
