"""Which device to use and whether bf16 pays there."""

import torch


def best_device() -> str:
    """The GPU where there is one, else the CPU."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def fast_bf16(device: str) -> bool:
    """True on GPUs and CPUs with bf16 instructions; elsewhere it is 6 to 14 times slower than fp32."""
    if device != "cpu":
        return True
    return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
