"""An epoch's number in, its learning rate out (METHOD §5)."""

import math


def learning_rate(epoch: int, *, lr: float, epochs: int, warmup_epochs: int, warmup_lr: float) -> float:
    """Rate of `epoch` (0-based): constant in the warm-up, then a cosine to zero over `epochs` epochs.

    As in Dassl, which the reference solution uses, the warm-up delays the cosine and does not shorten it.
    """
    if epoch < warmup_epochs:
        return warmup_lr
    rate = lr * 0.5 * (1 + math.cos(math.pi * (epoch - warmup_epochs) / epochs))
    return float(f"{rate:.10g}")  # the last digit of a cosine depends on the processor
