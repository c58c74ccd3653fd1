"""Several processes under torchrun share the work of one stage; started by hand, a process is alone.

Scoring needs to know which process this is; tuning also sums over all of them.
"""

import os

import torch
import torch.distributed as dist
from torch import Tensor


def rank_and_count() -> tuple[int, int]:
    """This process's number and how many there are: (0, 1) when alone."""
    return int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))


def take_device() -> None:
    """Where there are GPUs, each process takes its own."""
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", 0)))


def join_processes() -> None:
    """Meet torchrun's other processes, for `summed`."""
    take_device()
    if rank_and_count()[1] > 1 and not dist.is_initialized():
        dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo")


def leave_processes() -> None:
    """Part from the others once all are done."""
    if dist.is_initialized():
        dist.destroy_process_group()


def summed(tensors: list[Tensor]) -> list[Tensor]:
    """Each tensor, float32, summed over all processes, in one message."""
    if not dist.is_initialized():
        return tensors
    flat = torch.cat([tensor.flatten() for tensor in tensors])
    dist.all_reduce(flat)
    parts = flat.split([tensor.numel() for tensor in tensors])
    return [part.view_as(tensor) for part, tensor in zip(parts, tensors, strict=True)]
