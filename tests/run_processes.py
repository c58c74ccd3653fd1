"""What test_distributed.py runs: a small training by two processes as torchrun starts them, then by one."""

import multiprocessing
import os
import socket
import sys
from pathlib import Path

import open_clip
import torch
from safetensors.torch import save_file
from tests.tiny import tiny_config, tuning

from lexiclip.clip.feature_store import open_store, write_store
from lexiclip.distributed import join_processes, leave_processes, rank_and_count
from lexiclip.prompts.contexts import init_contexts
from lexiclip.prompts.training import train_prompts

NAMES = ["dog", "cat", "kite"]


def train(folder: Path, ema_decay: float | None, lr: float) -> None:
    """Tune on nine texts in batches of five; the first process writes the contexts."""
    torch.set_num_threads(1)
    rank, _ = rank_and_count()
    torch.manual_seed(7)
    clip = open_clip.CLIP(**tiny_config(24, layers=2)).double().eval().requires_grad_(False)
    texts = [f"{start} {name}." for start in ("a photo of a", "a small", "one more") for name in NAMES]
    write_store(folder / f"store{rank}", clip, texts)
    store = open_store(folder / f"store{rank}")
    start = init_contexts(4, 16, evidence=True, seed=3)
    tuned = train_prompts(
        clip,
        store,
        store.rows(texts),
        torch.eye(3).repeat(3, 1),
        NAMES,
        tuning(epochs=4, keep_epoch=3, batch_size=5, lr=lr, warmup_lr=lr, ema_decay=ema_decay),
        init=start,
        checkpoint=folder / "run.partial",
    )
    if rank == 0:
        found = {**tuned.contexts._asdict(), "start": start.local.double()}
        save_file({name: tensor.contiguous() for name, tensor in found.items()}, folder / "end.safetensors")


def train_both(folder: Path) -> None:
    """A plain variant and one with an average, in float64: what adds up differently is rounded away."""
    train(folder / "plain", None, 0.001)
    train(folder / "ema", 0.9, 0.001)


def as_rank(rank: int, port: int, folder: Path) -> None:
    """One of two processes, with torchrun's environment."""
    where = {
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": port,
        "RANK": rank,
        "LOCAL_RANK": rank,
        "WORLD_SIZE": 2,
    }
    os.environ.update({name: str(value) for name, value in where.items()})
    join_processes()
    assert rank_and_count() == (rank, 2)
    train_both(folder)
    leave_processes()


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    forking = multiprocessing.get_context("fork")  # torch is imported once for both
    pair = [forking.Process(target=as_rank, args=(rank, port, folder / "two")) for rank in range(2)]
    for process in pair:
        process.start()
    for process in pair:
        process.join()
        assert process.exitcode == 0
    train_both(folder / "one")
