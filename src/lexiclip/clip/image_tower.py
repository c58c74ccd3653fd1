"""Pixels in, global and local image features out (METHOD §3), from one run of the image tower.

Three kinds of tower have dense features: ModifiedResNet, ViT, and timm's convolutional ones.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lexiclip.clip.library import (
    AttentionPool2d,
    Bottleneck,
    ModifiedResNet,
    ResidualAttentionBlock,
    TimmModel,
    VisionTransformer,
)
from lexiclip.clip.normalisation import normalise
from lexiclip.errors import InputError
from lexiclip.precision import at_least_float32


class ImageFeatures(NamedTuple):
    """L2-normalised features of B images with P = H·W cells each: global_ (B, D), local (B, P, D)."""

    global_: Tensor
    local: Tensor


# Views in a batch on a CPU, and in float64 for each core: feature maps of more would not fit its caches.
VIEWS, VIEWS_A_CORE = 32, 8


@torch.inference_mode()
def encode_views(clip: nn.Module, views: Tensor, bf16: bool) -> ImageFeatures:
    """Features of views uint8 (B, 3, S, S), in the type of `clip`, or with its image tower in bf16."""
    like = next(clip.parameters())
    if like.dtype == torch.float64:
        parts = _encoded_by_cores(clip, views)
    else:
        with torch.autocast(like.device.type, torch.bfloat16, enabled=bf16):
            split = views.split(VIEWS if like.device.type == "cpu" else len(views))
            parts = [encode_images(clip, normalise(clip.visual, part.to(like.device))) for part in split]
    return ImageFeatures(*(torch.cat(part) for part in zip(*parts, strict=True)))


def _encoded_by_cores(clip: nn.Module, views: Tensor) -> list[ImageFeatures]:
    """Encode in float64, a thread for each part: oneDNN has no float64, and PyTorch hardly threads its."""

    @torch.inference_mode()
    def encoded(part: Tensor) -> ImageFeatures:
        return encode_images(clip, normalise(clip.visual, part, torch.float64))

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with ThreadPoolExecutor(threads) as pool:
            return list(pool.map(encoded, views.split(VIEWS_A_CORE)))
    finally:
        torch.set_num_threads(threads)


def encode_images(clip: nn.Module, pixels: Tensor) -> ImageFeatures:
    """Features of pixels (B, 3, S, S), normalised as the tower was trained. InputError as `dense_tower`."""
    pixels = pixels.contiguous(memory_format=torch.channels_last)
    pooled, local = dense_tower(clip.visual)(clip.visual, pixels)  # (B, D), (B, P, D)
    return ImageFeatures(*(F.normalize(at_least_float32(part), dim=-1) for part in (pooled, local)))


def dense_tower(visual: nn.Module) -> Callable[[nn.Module, Tensor], tuple[Tensor, Tensor]]:
    """What computes pooled and dense features of an image tower. InputError if it has no dense ones."""
    if isinstance(visual, ModifiedResNet):
        return _modified_resnet
    if isinstance(visual, VisionTransformer) and visual.attn_pool is None:
        blocks = visual.transformer.resblocks
        if len(blocks) > 1 and isinstance(blocks[-1], ResidualAttentionBlock):
            return _vit
    if isinstance(visual, TimmModel) and not hasattr(visual.head, "pool"):
        trunk = visual.trunk  # timm gives a grid's size for towers that end in one
        if trunk.default_cfg.get("pool_size") and getattr(trunk, "output_fmt", "NCHW") == "NCHW":
            return _convolutional
    kind = type(getattr(visual, "trunk", visual)).__name__
    raise InputError(
        f"image tower {kind} has no dense features: choose a ModifiedResNet (RN50, RN101, RN50x4), CLIP's "
        "own ViT (ViT-B-32, ViT-B-16, ViT-L-14) or a convolutional tower (convnext_base, MobileCLIP-S1)"
    )


def _modified_resnet(visual: ModifiedResNet, pixels: Tensor) -> tuple[Tensor, Tensor]:
    grid = pixels
    for conv, norm, act in (
        (visual.conv1, visual.bn1, visual.act1),
        (visual.conv2, visual.bn2, visual.act2),
        (visual.conv3, visual.bn3, visual.act3),
    ):
        grid = act(_convolved(conv, norm, grid))
    grid = visual.avgpool(grid)
    for layer in (visual.layer1, visual.layer2, visual.layer3, visual.layer4):
        for block in layer:
            grid = _bottleneck(block, grid)
    return attention_pool(visual.attnpool, grid.flatten(2).mT)  # (B, C, H, W) -> (B, P, C)


def _bottleneck(block: Bottleneck, grid: Tensor) -> Tensor:
    """open_clip's Bottleneck on maps (B, C, H, W), each norm folded into its convolution."""
    x = block.act1(_convolved(block.conv1, block.bn1, grid))
    x = block.avgpool(block.act2(_convolved(block.conv2, block.bn2, x)))
    x = _convolved(block.conv3, block.bn3, x)
    if block.downsample is not None:
        pool, conv, norm = block.downsample
        grid = _convolved(conv, norm, pool(grid))
    return block.act3(x + grid)


def _convolved(conv: nn.Conv2d, norm: nn.BatchNorm2d, x: Tensor) -> Tensor:
    """Convolution and frozen batch norm as one convolution, which saves a third of the time."""
    factor = norm.weight * torch.rsqrt(norm.running_var + norm.eps)  # (O,)
    bias = norm.bias - norm.running_mean * factor
    return F.conv2d(x, conv.weight * factor[:, None, None, None], bias, conv.stride, conv.padding)


def attention_pool(pool: AttentionPool2d, cells: Tensor) -> tuple[Tensor, Tensor]:
    """CLIP's attention pool over cells (B, P, C) without positional embedding: its output (B, D), and every
    cell through value and output projection (B, P, D).

    Only the mean cell is a query. It is multiplied by the key weights, so that no key is ever projected, and
    since projections are linear, the mean cell's own score and value are the means of the others'.
    """
    heads = pool.num_heads
    # b image, p cell, h head, d channel of a head, c channel
    values = pool.v_proj(cells)  # (B, P, C)
    query = pool.q_proj(cells.mean(dim=1)).unflatten(-1, (heads, -1))  # (B, h, d)
    key_weight = pool.k_proj.weight.unflatten(0, (heads, -1))  # (h, d, C)
    asked = torch.einsum("bhd,hdc->bhc", query * query.shape[-1] ** -0.5, key_weight)
    # The key bias adds the same to every score of a head: the softmax does not see it.
    scores = at_least_float32(torch.einsum("bhc,bpc->bhp", asked, cells))
    scores = torch.cat([scores.mean(dim=-1, keepdim=True), scores], dim=-1)  # (B, h, 1 + P)
    attention = scores.softmax(dim=-1)
    attention = attention[..., 1:] + attention[..., :1] / cells.shape[1]  # (B, h, P)
    mixed = torch.einsum("bhp,bphd->bhd", attention.to(values.dtype), values.unflatten(-1, (heads, -1)))
    return pool.c_proj(mixed.flatten(1)), pool.c_proj(values)


def _vit(visual: VisionTransformer, pixels: Tensor) -> tuple[Tensor, Tensor]:
    """The model's own pooled feature, and patches by the value path of the last block, as in MaskCLIP: each
    attends to itself alone, while residual and MLP stay."""
    *_, last = visual.transformer.resblocks
    before = [len(visual.transformer.resblocks) - 2]
    outputs = visual.forward_intermediates(pixels, indices=before, output_fmt="NLC")
    (patches,) = outputs["image_intermediates"]  # (B, P, w), what the last block reads
    _, _, value_weight = last.attn.in_proj_weight.chunk(3)
    _, _, value_bias = last.attn.in_proj_bias.chunk(3)
    values = F.linear(last.ln_1(patches), value_weight, value_bias)
    patches = patches + last.ls_1(last.attn.out_proj(values))
    patches = patches + last.ls_2(last.mlp(last.ln_2(patches)))
    return outputs["image_features"], visual.ln_post(patches) @ visual.proj


def _convolutional(visual: TimmModel, pixels: Tensor) -> tuple[Tensor, Tensor]:
    """The tower's own head over the last map, and over each of its cells as a map of one cell."""
    grid = visual.trunk.forward_features(pixels)  # (B, C, H, W)
    cells = grid.flatten(2).mT.flatten(0, 1)[..., None, None]  # (B·P, C, 1, 1)
    pooled, dense = (visual.head(visual.trunk.forward_head(maps)) for maps in (grid, cells))
    return pooled, dense.unflatten(0, (len(pixels), -1))
