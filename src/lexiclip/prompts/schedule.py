"""How prompts are tuned, and the learning rate of an epoch that follows from it (METHOD §5)."""

import math
from typing import Literal, NamedTuple


class Tuning(NamedTuple):
    """How prompts are tuned: params.yaml says what each value does."""

    n_ctx: int
    evidence: bool
    epochs: int  # the cosine's length
    keep_epoch: int | Literal["heldout"]  # where to stop, or the epoch that does best on held-out captions
    batch_size: int
    lr: float
    warmup_epochs: int
    warmup_lr: float
    weight_decay: float
    momentum: float
    ema_decay: float | None
    seed: int
    result: Literal["student", "average"] = "student"


def learning_rate(epoch: int, lr: float, epochs: int, warmup_epochs: int, warmup_lr: float) -> float:
    """Rate of `epoch` (0-based): constant in the warm-up, then a cosine to zero over `epochs` epochs.

    As in Dassl, which the reference solution uses, the warm-up delays the cosine and does not shorten it.
    """
    if epoch < warmup_epochs:
        return warmup_lr
    rate = lr * 0.5 * (1 + math.cos(math.pi * (epoch - warmup_epochs) / epochs))
    return float(f"{rate:.10g}")  # the last digit of a cosine depends on the processor
