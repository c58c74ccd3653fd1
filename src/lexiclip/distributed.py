"""Share the work of a stage among the processes of torchrun; without it, there is one process."""

import os

import torch
import torch.distributed as dist
from torch import Tensor


def rank_and_count() -> tuple[int, int]:
    """Rank and world size: (0, 1) without torchrun."""
    return int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))


def take_device() -> None:
    """Give each process a GPU of its own, where there are GPUs."""
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", 0)))


def join_processes() -> None:
    """Initialise the process group, which `summed` needs."""
    take_device()
    if rank_and_count()[1] > 1 and not dist.is_initialized():
        dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo")


def leave_processes() -> None:
    """Destroy the process group."""
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
