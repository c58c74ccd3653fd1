"""Which device to use, and whether bf16 pays there."""

import sys
import time
from collections.abc import Callable

import torch


def best_device(precision: str = "fast") -> str:
    """The GPU where there is one, else the CPU; the CPU for `exact`, whose bytes are known on CPUs alone."""
    if not torch.cuda.is_available():
        return "cpu"
    if precision == "exact":
        print("precision: exact is computed on the CPU; fast uses the GPU", file=sys.stderr)
        return "cpu"
    return "cuda"


def has_bf16(device: str) -> bool:
    """True on GPUs and CPUs with bf16 instructions; without them it is 6 to 14 times slower than fp32."""
    if device != "cpu":
        return True
    return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()


def bf16_pays(run: Callable[[], object], device: str) -> bool:
    """Whether `run` is faster in bf16; measured on a CPU, whose bf16 instructions may not help."""
    if device != "cpu" or not has_bf16(device):
        return device != "cpu"
    return _seconds(run, bf16=True) < 0.8 * _seconds(run, bf16=False)


def _seconds(run: Callable[[], object], bf16: bool) -> float:
    """The shortest of three runs, after one that does not count."""
    times = []
    with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
        for _ in range(4):
            start = time.perf_counter()
            run()
            times.append(time.perf_counter() - start)
    return min(times[1:])
