"""Several processes under torchrun tune one variant: each takes a share of every batch, the sums are shared.

Started by hand, a process is alone, and nothing here does anything.
"""

import os

import torch
import torch.distributed as dist
from torch import Tensor


def join_processes() -> None:
    """Meet torchrun's other processes; where there are GPUs, each process takes its own."""
    if int(os.environ.get("WORLD_SIZE", 1)) == 1 or dist.is_initialized():
        return
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo")


def leave_processes() -> None:
    """Part from the others once all are done."""
    if dist.is_initialized():
        dist.destroy_process_group()


def rank_and_count() -> tuple[int, int]:
    """This process's number and how many there are: (0, 1) when alone."""
    return (dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else (0, 1)


def summed(tensors: list[Tensor]) -> list[Tensor]:
    """Each tensor, float32, summed over all processes, in one message."""
    if not dist.is_initialized():
        return tensors
    flat = torch.cat([tensor.flatten() for tensor in tensors])
    dist.all_reduce(flat)
    parts = flat.split([tensor.numel() for tensor in tensors])
    return [part.view_as(tensor) for part, tensor in zip(parts, tensors, strict=True)]
