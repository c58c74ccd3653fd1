"""Model, AdamW state and history of a training run in one safetensors file, so that a kill costs minutes."""

import sys
import warnings
from pathlib import Path

import torch

from lexiclip.errors import InputError
from lexiclip.tensor_files import load_checked, save_checked


def save_checkpoint(
    path: Path, model: torch.nn.Module, optimizer: torch.optim.AdamW, step: int, history: list[dict], run: str
) -> None:
    """Write everything that the run identified by `run` needs to go on after `step` steps."""
    tensors = {f"model.{name}": value for name, value in model.state_dict().items()}
    for index, state in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{index}.{name}": value for name, value in state.items()}
    save_checked(path, tensors, {"run": run, "step": step, "history": history})


def load_checkpoint(
    path: Path,
    model: torch.nn.Module,
    optimizer: torch.optim.AdamW,
    schedule: torch.optim.lr_scheduler.LRScheduler,
    run: str,
) -> tuple[int, list[dict]]:
    """Restore model, optimizer and schedule in place; returns steps done and history.

    (0, []) with everything left alone where there is no checkpoint, and, with a line on stderr, where it is
    damaged or another run's.
    """
    if not path.is_file():
        return 0, []
    try:
        tensors, metadata = load_checked(path, run)
    except InputError as error:
        print(f"{error}: starting anew", file=sys.stderr)
        return 0, []
    step, history = metadata["step"], metadata["history"]
    model.load_state_dict({k.removeprefix("model."): v for k, v in tensors.items() if k.startswith("model.")})
    state: dict[int, dict] = {}
    for name, value in tensors.items():
        if name.startswith("optimizer."):
            _, index, field = name.split(".")
            state.setdefault(int(index), {})[field] = value
    optimizer.load_state_dict({**optimizer.state_dict(), "state": state})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the optimizer's steps were taken before the kill
        for _ in range(step):
            schedule.step()
    return step, history
