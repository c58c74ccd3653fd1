"""Scenes of sprites: where each sprite lies (a Layout) and the rendering of a batch of layouts to pixels."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F

from lexiclip.mini.sprites import LEVELS, SIZE, Sprites


class Layout(NamedTuple):
    """A batch of B scenes with M slots each, drawn from the first slot to the last."""

    sprite: torch.Tensor  # (B, M) index into the atlas, -1 = empty slot
    centre: torch.Tensor  # (B, M, 2) x, y in pixels
    size: torch.Tensor  # (B, M) side in pixels
    angle: torch.Tensor  # (B, M) radians
    mirrored: torch.Tensor  # (B, M) bool
    tint: torch.Tensor  # (B, M, 3) factor on the sprite's colours


class Draws(NamedTuple):
    """Random numbers of any shape: uniform(shape, low, high) and normal(shape), of deviation 1."""

    uniform: Callable[..., torch.Tensor]
    normal: Callable[..., torch.Tensor]


def torch_draws(generator: torch.Generator) -> Draws:
    """float32 on the generator's device: fast, but other numbers on another processor."""
    of = {"generator": generator, "device": generator.device}
    return Draws(
        lambda shape, low, high: low + (high - low) * torch.rand(shape, **of),
        lambda shape: torch.randn(shape, **of),
    )


def numpy_draws(generator: np.random.Generator) -> Draws:
    """float64, the same on every processor."""
    return Draws(
        lambda shape, low, high: torch.from_numpy(generator.uniform(low, high, shape)),
        lambda shape: torch.from_numpy(generator.standard_normal(shape)),
    )


def render(sprites: Sprites, layout: Layout, background: torch.Tensor) -> torch.Tensor:
    """Paint each layout over its background (B, 3, H, W) in [0, 1]; returns a new (B, 3, H, W)."""
    images = background.clone()
    height, width = background.shape[2:]
    for slot in range(layout.sprite.shape[1]):
        rows = torch.nonzero(layout.sprite[:, slot] >= 0).flatten()
        if len(rows) == 0:
            continue
        here = Layout(*(field[rows, slot] for field in layout))  # each field (R, …): one sprite a scene
        level = (SIZE / here.size).log2().floor().clamp(0, LEVELS - 1).long()
        patch = sprites.pixels[level, here.sprite].to(images.dtype)  # (R, 4, SIZE, SIZE)
        grid = F.affine_grid(
            _placement(here, height, width), [len(rows), 4, height, width], align_corners=False
        )
        down, across = _reach(here, height, width)  # beyond it nothing is painted
        painted = F.grid_sample(patch, grid[:, down, across], align_corners=False)  # (R, 4, h, w)
        under = images[rows, :, down, across]
        images[rows, :, down, across] = painted[:, :3] * here.tint[:, :, None, None] + under * (
            1 - painted[:, 3:]
        )
    return images.clamp_(0, 1)


def _reach(here: Layout, height: int, width: int) -> tuple[slice, slice]:
    """Rows and columns of the canvas that hold every sprite of R scenes, whatever their angles."""
    reach = here.size[:, None] * 0.71 + 2  # half a diagonal, and the pixels that sampling adds
    first = (here.centre - reach).amin(0).clamp(min=0).long().tolist()  # x, y
    last = (here.centre + reach).amax(0).clamp(min=1).long().tolist()
    return slice(min(first[1], height - 1), last[1] + 1), slice(min(first[0], width - 1), last[0] + 1)


def _placement(here: Layout, height: int, width: int) -> torch.Tensor:
    """The affine map (R, 2, 3) from canvas to sprite coordinates, both running from −1 to 1."""
    x, y = here.centre.unbind(-1)
    flip = 1 - 2 * here.mirrored.to(here.size.dtype)
    cos, sin = here.angle.cos() / here.size, here.angle.sin() / here.size
    offset_x, offset_y = width / 2 - x, height / 2 - y  # canvas centre seen from the sprite's centre, pixels
    rows = [
        [flip * cos * width, flip * sin * height, flip * 2 * (cos * offset_x + sin * offset_y)],
        [-sin * width, cos * height, 2 * (cos * offset_y - sin * offset_x)],
    ]
    return torch.stack([torch.stack(row, -1) for row in rows], 1)


def backgrounds(count: int, height: int, width: int, draws: Draws) -> torch.Tensor:
    """Sky over ground, two random pale colours with soft texture: (count, 3, height, width) in [0, 1]."""
    colours = 0.45 + 0.55 * draws.uniform((count, 2, 3, 1, 1), 0, 1)
    horizon = draws.uniform((count, 1, 1, 1), 0, 1)
    rows = torch.linspace(0, 1, height, device=horizon.device, dtype=horizon.dtype)[:, None]
    ground = torch.sigmoid((rows - horizon) * 20)  # (count, 1, H, 1)
    texture = draws.normal((count, 3, 6, 8))
    texture = F.interpolate(texture, (height, width), mode="bilinear", align_corners=False)
    return (colours[:, 0] * (1 - ground) + colours[:, 1] * ground + 0.06 * texture).clamp(0, 1)


def degrade(pixels: torch.Tensor, most_noise: float, draws: Draws) -> torch.Tensor:
    """Contrast, colour cast and noise up to σ = `most_noise`, different for each image (B, 3, H, W)."""
    b = len(pixels)
    gain, cast = draws.uniform((b, 1, 1, 1), 0.8, 1.15), draws.uniform((b, 3, 1, 1), -0.08, 0.08)
    sigma = draws.uniform((b, 1, 1, 1), 0.0, most_noise)
    noise = draws.normal(pixels.shape)
    return ((pixels - 0.5) * gain + 0.5 + cast + sigma * noise).clamp(0, 1)
