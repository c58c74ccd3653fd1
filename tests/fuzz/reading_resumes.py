"""Readers of what a killed run left: checkpoints of both trainings, answers so far.

A damaged one is as good as none: here its reader says so in an InputError of its own.
"""

from contextlib import suppress
from pathlib import Path

import torch
from tests.fuzz.reader import Reader

from lexiclip.captions.asking import write_answers
from lexiclip.captions.llm import Backend
from lexiclip.errors import InputError
from lexiclip.files import read_jsonl, write_csv
from lexiclip.mini.pretraining_checkpoint import load_checkpoint, save_checkpoint
from lexiclip.prompts.checkpoint import RunState, load_state, save_state
from lexiclip.prompts.contexts import init_contexts, map_contexts

ASKS = [({"names": [name]}, name * length) for length, name in enumerate("abcdefg")]
START = init_contexts(2, 3, evidence=True, seed=0)
STEPS = 4


def anew(folder: Path) -> InputError:
    return InputError(f"{folder}: started anew")


def trained(seed: int) -> tuple[torch.nn.Module, torch.optim.AdamW, torch.optim.lr_scheduler.OneCycleLR]:
    """A model of two weights, its optimizer and its schedule."""
    torch.manual_seed(seed)
    model = torch.nn.Linear(3, 2)
    optimizer = torch.optim.AdamW(model.parameters(), 0.1)
    return model, optimizer, torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=STEPS)


def step(model: torch.nn.Module, optimizer: torch.optim.AdamW) -> None:
    model(torch.ones(1, 3)).sum().backward()
    optimizer.step()


def pretraining(folder: Path) -> None:
    model, optimizer, _ = trained(0)
    step(model, optimizer)
    history = [{"step": 1, "lr": 0.1, "loss": 2.5}, {"step": 2, "lr": 0.2, "loss": 2.0}]
    save_checkpoint(folder / "checkpoint.safetensors", model, optimizer, 2, history, "run")


def use_pretraining(folder: Path) -> None:
    model, optimizer, schedule = trained(1)
    weight = model.weight.detach().clone()
    done, history = load_checkpoint(folder / "checkpoint.safetensors", model, optimizer, schedule, "run")
    if done == 0:
        assert torch.equal(weight, model.weight) and not optimizer.state and schedule.last_epoch == 0
        raise anew(folder)
    for _ in range(done, STEPS):
        step(model, optimizer)
        schedule.step()
    write_csv(folder / "out.csv", history, ["step", "lr", "loss"])


def training(folder: Path) -> None:
    steps = [{"step": i, "epoch": (i + 1) // 2, "lr": 0.1, "loss": 2.5} for i in (1, 2, 3, 4)]
    epochs = [{**steps[i], "caption_mAP": 50.5} for i in (1, 3)]
    save_state(folder / "state.safetensors", RunState(START, START, START, START, steps, epochs), "run")


def use_training(folder: Path) -> None:
    state = load_state(folder / "state.safetensors", "run")
    if state is None:
        raise anew(folder)
    for part in state[:4]:
        map_contexts(torch.add, part, START)
    assert max(state.epochs, key=lambda row: row["caption_mAP"])["epoch"] <= len(state.epochs)
    write_csv(folder / "out.csv", state.steps)
    write_csv(folder / "out.csv", state.epochs)


def ask(folder: Path, dies: bool = False) -> int:
    """How many questions are asked where some may be answered already; the last one of a run that dies."""
    asked = []

    def answer(batches, keep):
        for position, batch in enumerate(batches):
            asked.extend(batch.prompts)
            if dies and position == 3:
                raise InputError("the server died")
            keep(position, [f"A {text}." for text in batch.prompts])

    write_answers(ASKS, Backend(answer, 2, "model"), folder / "answers.jsonl", seed=0)
    return len(asked)


def some_answers(folder: Path) -> None:
    with suppress(InputError):
        ask(folder, dies=True)


def use_answers_so_far(folder: Path) -> None:
    asked = ask(folder)
    rows = read_jsonl(folder / "answers.jsonl")
    assert [row["names"] for row in rows] == [about["names"] for about, _ in ASKS]
    assert all(isinstance(row["answer"], str) for row in rows)
    if asked > 1:
        raise anew(folder)


READERS = {
    "pretraining checkpoint": Reader(pretraining, use_pretraining, 200),
    "training checkpoint": Reader(training, use_training, 200),
    "answers so far": Reader(some_answers, use_answers_so_far, 200),
}
