"""What each process of test_processes.py runs: a small training; the first process writes the contexts."""

import sys
from pathlib import Path

import open_clip
import torch
from safetensors.torch import save_file

from lexiclip.clip.feature_store import open_store, write_store
from lexiclip.errors import run_stage
from lexiclip.prompts.contexts import init_contexts
from lexiclip.prompts.processes import join_processes, leave_processes, rank_and_count
from lexiclip.prompts.training import train_prompts

NAMES = ["dog", "cat", "kite"]


def main(folder: Path, batch_size: int) -> None:
    join_processes()
    rank, _ = rank_and_count()
    torch.manual_seed(7)
    vision = {"image_size": 32, "layers": [1, 1, 1, 1], "width": 8, "patch_size": None}
    text = {"context_length": 77, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 2}
    clip = open_clip.CLIP(embed_dim=24, vision_cfg=vision, text_cfg=text).eval().requires_grad_(False)
    texts = [f"{start} {name}." for start in ("a photo of a", "a small", "one more") for name in NAMES]
    own = folder / f"store{rank}"
    write_store(own, clip, texts)
    store = open_store(own)
    labels = torch.eye(3).repeat(3, 1)
    start = init_contexts(4, 16, evidence=True, seed=3)
    tuned = train_prompts(
        clip,
        store,
        store.rows(texts),
        labels,
        NAMES,
        n_ctx=4,
        evidence=True,
        epochs=4,
        keep_epoch=3,
        batch_size=batch_size,
        lr=0.001,
        warmup_epochs=0,
        warmup_lr=0.001,
        weight_decay=5e-4,
        momentum=0.9,
        ema_decay=0.9,
        cooccurrence=None,
        init=start,
        seed=0,
        checkpoint=folder / "run.partial",
    )
    if rank == 0:
        found = {**tuned.contexts._asdict(), "start": start.local}
        save_file(
            {branch: contexts.contiguous() for branch, contexts in found.items()},
            folder / "contexts.safetensors",
        )
    leave_processes()


run_stage(lambda: main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 5))
