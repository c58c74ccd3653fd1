"""CLIP's normalisation of pixels."""

import torch
from torch import Tensor

# OpenAI's, for all its models.
CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)


def normalise(pixels: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
    """uint8 (B, 3, H, W) to `dtype` with CLIP's mean and deviation of each channel taken out."""
    mean, std = (
        torch.tensor(of_channel, device=pixels.device, dtype=dtype)[:, None, None]
        for of_channel in (CLIP_MEAN, CLIP_STD)
    )
    return (pixels.to(dtype) / 255 - mean) / std
