"""Pixels in, global and local image features out (METHOD §3), from one run of the convolutional trunk."""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from open_clip.modified_resnet import AttentionPool2d, ModifiedResNet
from torch import Tensor, nn

from lexiclip.errors import InputError


class ImageFeatures(NamedTuple):
    """L2-normalised features of B images with P = H·W cells each: global_ (B, D), local (B, P, D)."""

    global_: Tensor
    local: Tensor


def encode_images(clip: nn.Module, pixels: Tensor) -> ImageFeatures:
    """Features of preprocessed pixels (B, 3, S, S). InputError if the tower is no ModifiedResNet."""
    visual = clip.visual
    if not isinstance(visual, ModifiedResNet):
        raise InputError(
            f"image tower {type(visual).__name__} has no dense features here: use a ModifiedResNet "
            "(RN50, RN101, RN50x4, RN50x16, RN50x64 or data/clip/mini.json)"
        )
    grid = visual.stem(pixels.contiguous(memory_format=torch.channels_last))
    for layer in (visual.layer1, visual.layer2, visual.layer3, visual.layer4):
        grid = layer(grid)
    cells = grid.flatten(2).transpose(1, 2)  # (B, C, H, W) -> (B, P, C)
    pooled, local = attention_pool(visual.attnpool, cells)
    return ImageFeatures(F.normalize(pooled.float(), dim=-1), F.normalize(local.float(), dim=-1))


def attention_pool(pool: AttentionPool2d, cells: Tensor) -> tuple[Tensor, Tensor]:
    """CLIP's attention pool over cells (B, P, C) without positional embedding: its output (B, D), and every
    cell through value and output projection (B, P, D).

    Only the mean cell asks. Its query is carried through the key weights, so no key is ever projected, and as
    projections are linear, the mean cell's own score and value are the means of the others'.
    """
    heads = pool.num_heads
    # b image, p cell, h head, d channel of a head, c channel
    values = pool.v_proj(cells)  # (B, P, C)
    query = pool.q_proj(cells.mean(dim=1)).unflatten(-1, (heads, -1))  # (B, h, d)
    key_weight = pool.k_proj.weight.unflatten(0, (heads, -1))  # (h, d, C)
    asked = torch.einsum("bhd,hdc->bhc", query * query.shape[-1] ** -0.5, key_weight)
    # The key bias adds the same to every score of a head: the softmax does not see it.
    scores = torch.einsum("bhc,bpc->bhp", asked, cells).float()
    scores = torch.cat([scores.mean(dim=-1, keepdim=True), scores], dim=-1)  # (B, h, 1 + P)
    attention = scores.softmax(dim=-1)
    attention = attention[..., 1:] + attention[..., :1] / cells.shape[1]  # (B, h, P)
    mixed = torch.einsum("bhp,bphd->bhd", attention.to(values.dtype), values.unflatten(-1, (heads, -1)))
    return pool.c_proj(mixed.flatten(1)), pool.c_proj(values)
