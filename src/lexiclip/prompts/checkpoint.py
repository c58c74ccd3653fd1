"""The state of a training run between two epochs, to and from one safetensors file."""

from pathlib import Path
from typing import NamedTuple

import torch

from lexiclip.prompts.contexts import Contexts
from lexiclip.prompts.steps import map_contexts
from lexiclip.tensor_files import DamagedError, load_checked, save_checked


class RunState(NamedTuple):
    """What the next epoch needs: student, its moving average, SGD's velocity, the result if it ended here.

    `steps` and `epochs` hold one dict for each so far.
    """

    student: Contexts
    average: Contexts
    velocity: Contexts
    kept: Contexts
    steps: list[dict]
    epochs: list[dict]


PARTS = ("student", "average", "velocity", "kept")


def fresh_state(start: Contexts) -> RunState:
    """The state before the first step."""
    return RunState(start, start, map_contexts(torch.zeros_like, start), start, [], [])


def save_state(path: Path, state: RunState, run: str) -> None:
    """Write `state` of the run identified by `run`."""
    tensors = {
        f"{part}.{branch}": tensor.detach().cpu().clone().contiguous()
        for part in PARTS
        for branch, tensor in getattr(state, part)._asdict().items()
        if tensor is not None
    }
    save_checked(path, tensors, {"run": run, "steps": state.steps, "epochs": state.epochs})


def load_state(path: Path | None, run: str) -> RunState | None:
    """The state saved for the same `run`; None where there is none, or it is another run's or damaged."""
    if path is None or not path.is_file():
        return None
    try:
        tensors, facts = load_checked(path)
    except DamagedError:
        return None
    if facts["run"] != run:
        return None
    parts = (Contexts(*(tensors.get(f"{part}.{branch}") for branch in Contexts._fields)) for part in PARTS)
    return RunState(*parts, facts["steps"], facts["epochs"])
