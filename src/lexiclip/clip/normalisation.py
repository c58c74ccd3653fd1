"""Pixels in, what an image tower reads out: each model with the mean and deviation it was trained with."""

import torch
from torch import Tensor, nn

from lexiclip.clip.library import OPENAI_DATASET_MEAN, OPENAI_DATASET_STD


def normalise(visual: nn.Module, pixels: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
    """Pixels (B, 3, H, W) from 0 to 255 in `dtype`, each channel standardised as the tower `visual` wants it.

    By OpenAI's mean and deviation unless the tower has its own (MobileCLIP: 0 and 1).
    """
    mean, std = (
        torch.tensor(getattr(visual, name, None) or openai, device=pixels.device, dtype=dtype)[:, None, None]
        for name, openai in (("image_mean", OPENAI_DATASET_MEAN), ("image_std", OPENAI_DATASET_STD))
    )
    return (pixels.to(dtype) / 255 - mean) / std
