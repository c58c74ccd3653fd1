"""The state of a training run between two epochs, to and from one safetensors file."""

from pathlib import Path
from typing import NamedTuple

from lexiclip.errors import InputError
from lexiclip.prompts.contexts import Contexts
from lexiclip.tensor_files import flattened, load_checked, save_checked, unflattened


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


PARTS = RunState._fields[:4]


def save_state(path: Path, state: RunState, run: str) -> None:
    """Write `state` of the run identified by `run`."""
    groups = [flattened(part, contexts) for part, contexts in zip(PARTS, state, strict=False)]
    tensors = {name: tensor for group in groups for name, tensor in group.items()}
    save_checked(path, tensors, {"run": run, "steps": state.steps, "epochs": state.epochs})


def load_state(path: Path | None, run: str) -> RunState | None:
    """The state saved for the same `run`; None where there is none, or it is another run's or damaged."""
    if path is None or not path.is_file():
        return None
    try:
        tensors, metadata = load_checked(path, run)
    except InputError:
        return None
    parts = (unflattened(Contexts, part, tensors) for part in PARTS)
    return RunState(*parts, metadata["steps"], metadata["epochs"])
