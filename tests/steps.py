"""What is done to a training in one of its steps."""

from collections.abc import Callable

import pytest

from lexiclip.prompts import training


def at_step(patch: pytest.MonkeyPatch, number: int | None = None, action: Callable | None = None) -> list:
    """What each step is given (student, gradients, velocity), as a list that grows while a training runs.

    The step `number` returns `action` of what it would have returned.
    """
    steps, plain_step = [], training.sgd_step

    def step(*given, **named):
        steps.append(given)
        result = plain_step(*given, **named)
        return action(*result) if len(steps) == number else result

    patch.setattr(training, "sgd_step", step)
    return steps


def killed(*result: object) -> None:
    """An action that ends the run."""
    raise KeyboardInterrupt
