"""The views of one image cut and resized on its device, all windows of a size in one batch, as PIL does.

A resize is two products with banded matrices: only the centre is computed, and nothing depends on the limits
of a GPU's kernels (PyTorch's antialiased resize fails there on images that shrink fifty-fold).
"""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from lexiclip.images.preprocess import centred
from lexiclip.images.windows import Box, reflected


def image_pixels(image: Image.Image) -> Tensor:
    """An RGB image as uint8 (3, H, W)."""
    return torch.from_numpy(np.array(image)).permute(2, 0, 1)


def batched_view_pixels(pixels: Tensor, boxes: Sequence[Box], size: int) -> Tensor:
    """The image uint8 (3, H, W) first, then each window, as `view_pixels`: uint8 (1+W, 3, size, size).

    Equal to PIL's but for rounding, on photos within 0.01/255 on average: it weighs pixels with whole
    numbers, and resizes a tall image down before across.
    """
    _, height, width = pixels.shape
    boxes = [Box(0, 0, height, width), *boxes]
    rows = torch.from_numpy(reflected(height, max(box.top + box.height for box in boxes)))
    columns = torch.from_numpy(reflected(width, max(box.left + box.width for box in boxes)))
    canvas = pixels[:, rows.to(pixels.device)][:, :, columns.to(pixels.device)]
    by_size = defaultdict(list)
    for view, box in enumerate(boxes):
        by_size[box.height, box.width].append(view)
    views = canvas.new_empty(len(boxes), 3, size, size)
    for (height, width), of_size in by_size.items():
        down, across = (
            bicubic_weights(side, *centred(side, min(height, width), size), size, canvas.device)
            for side in (height, width)
        )
        corners = [(boxes[view].top, boxes[view].left) for view in of_size]
        crops = torch.stack([canvas[:, top : top + height, left : left + width] for top, left in corners])
        narrowed = _whole_numbers(crops.float() @ across.T)  # PIL too rounds between
        views[of_size] = _whole_numbers(down @ narrowed).byte()
    return views


def bicubic_weights(side: int, resized: int, start: int, size: int, device: torch.device) -> Tensor:
    """(size, side): what gives the pixels `start` to `start + size` of a side resized to `resized` pixels.

    Bicubic with a = -1/2, stretched by the factor when an image shrinks (Pillow, src/libImaging/Resample.c).
    """
    step = side / resized
    centres = (torch.arange(start, start + size, device=device, dtype=torch.float64) + 0.5) * step
    pixels = torch.arange(side, device=device, dtype=torch.float64) + 0.5
    x = (pixels - centres[:, None]).abs() / max(step, 1)
    weights = torch.where(x < 1, (1.5 * x - 2.5) * x * x + 1, ((2.5 - 0.5 * x) * x - 4) * x + 2) * (x < 2)
    return (weights / weights.sum(1, keepdim=True)).float()


def _whole_numbers(pixels: Tensor) -> Tensor:
    return pixels.add_(0.5).floor_().clamp_(0, 255)  # halves up, as PIL; `round` takes them to even
