"""Which share of the work is this process's under torchrun."""

import os

import torch


def rank_of_ranks() -> tuple[int, int]:
    """This process's number and how many there are, (0, 1) outside torchrun; each takes a GPU of its own."""
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", 0)))
    return int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))
