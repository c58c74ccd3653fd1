"""The state of a training run between two epochs, to and from one safetensors file."""

import json
from pathlib import Path
from typing import NamedTuple

from safetensors import SafetensorError
from safetensors.torch import save_file

from lexiclip.files import atomic_path
from lexiclip.prompts.class_vectors import read_tensors
from lexiclip.prompts.contexts import Contexts


class RunState(NamedTuple):
    """What the next epoch needs: student, its moving average, SGD's velocity, and one dict a step so far."""

    student: Contexts
    average: Contexts
    velocity: Contexts
    history: list[dict]
    epoch: int


def save_state(path: Path, state: RunState, run: str) -> None:
    """Write `state` of the run identified by `run`."""
    tensors = {
        f"{part}.{branch}": tensor.detach().cpu().clone().contiguous()
        for part in ("student", "average", "velocity")
        for branch, tensor in getattr(state, part)._asdict().items()
        if tensor is not None
    }
    facts = json.dumps({"run": run, "epoch": state.epoch, "history": state.history})
    with atomic_path(path) as temporary:
        save_file(tensors, temporary, metadata={"lexiclip": facts})


def load_state(path: Path | None, run: str) -> RunState | None:
    """The state saved for the same `run`; None where there is none, or it is another run's or damaged."""
    if path is None or not path.is_file():
        return None
    try:
        tensors, facts = read_tensors(path)
    except (OSError, SafetensorError, ValueError):
        return None
    if facts.get("run") != run:
        return None
    parts = (
        Contexts(*(tensors.get(f"{part}.{branch}") for branch in Contexts._fields))
        for part in ("student", "average", "velocity")
    )
    return RunState(*parts, facts["history"], facts["epoch"])
