"""Rendering against a slow loop over pixels; backgrounds and wear of the image."""

import math

import numpy as np
import pytest
import torch

from lexiclip.mini.rendering import Layout, backgrounds, degrade, numpy_draws, render, torch_draws
from lexiclip.mini.sprites import LEVELS, SIZE, Sprites


def atlas(*patches):
    """Sprites of the same picture at every level."""
    pixels = torch.stack(patches).expand(LEVELS, -1, -1, -1, -1)
    return Sprites(pixels, torch.zeros(len(patches), 1, dtype=torch.bool), [""] * len(patches))


def layout(*scenes):
    """A scene is a list of slots, a slot what differs from an upright sprite 0 of side 16 at (10, 9)."""
    plain = {"sprite": 0, "centre": (10.0, 9.0), "size": 16.0, "angle": 0.0, "mirrored": False}
    plain["tint"] = (1.0, 1.0, 1.0)
    slots = [[{**plain, **slot} for slot in scene] for scene in scenes]
    return Layout(
        *(torch.tensor([[slot[field] for slot in scene] for scene in slots]) for field in Layout._fields)
    )


def noise_patch(seed):
    """Random colours under a random alpha, multiplied by it."""
    pixels = torch.rand(4, SIZE, SIZE, generator=torch.Generator().manual_seed(seed))
    pixels[:3] *= pixels[3]
    return pixels


def slow_render(sprites, scene, background):
    """Each pixel is carried into the sprite and read there by bilinear interpolation; outside is empty.

    One scene: fields (M, …), pixels (3, H, W).
    """
    image = background.double().clone()
    for sprite, (x, y), size, angle, mirrored, tint in zip(*(field.tolist() for field in scene), strict=True):
        if sprite < 0:
            continue
        patch = sprites.pixels[0, sprite].double()
        for row in range(image.shape[1]):
            for column in range(image.shape[2]):
                right, down = column + 0.5 - x, row + 0.5 - y
                u = math.cos(angle) * right + math.sin(angle) * down  # turned back, anticlockwise
                v = math.cos(angle) * down - math.sin(angle) * right
                u = -u if mirrored else u
                i, j = (v / size + 0.5) * SIZE - 0.5, (u / size + 0.5) * SIZE - 0.5
                read = torch.zeros(4, dtype=torch.float64)
                for a in (math.floor(i), math.floor(i) + 1):
                    for b in (math.floor(j), math.floor(j) + 1):
                        if 0 <= a < SIZE and 0 <= b < SIZE:
                            read += patch[:, a, b] * (1 - abs(i - a)) * (1 - abs(j - b))
                below = image[:, row, column] * (1 - read[3])
                image[:, row, column] = read[:3] * torch.tensor(tint, dtype=torch.float64) + below
    return image.clamp(0, 1)


@pytest.mark.parametrize(("dtype", "atol"), [(torch.float32, 1e-4), (torch.float64, 1e-12)])
def test_any_pose_equals_a_loop_over_pixels(dtype, atol):
    """Scenes of a batch, a sprite over another, cut at an edge, an empty slot."""
    sprites = atlas(noise_patch(1), noise_patch(2))
    turned = {"centre": (9.3, 12.1), "size": 17.0, "angle": 0.3, "tint": (0.8, 1.1, 0.9)}
    mirrored = {"sprite": 1, "centre": (14.2, 8.7), "size": 14.5, "angle": -0.7, "mirrored": True}
    cut = {"centre": (0.0, 18.5), "angle": 1.6}
    scenes = layout([turned, mirrored], [{"sprite": -1}, cut], [mirrored, {"sprite": -1}])
    scenes = Layout(*(field.to(dtype) if field.is_floating_point() else field for field in scenes))
    background = torch.rand(3, 3, 20, 24, generator=torch.Generator().manual_seed(3), dtype=dtype)
    before = background.clone()
    found = render(sprites, scenes, background)
    assert found.dtype == dtype and torch.equal(background, before)
    for number, image in enumerate(found):
        expected = slow_render(sprites, Layout(*(field[number] for field in scenes)), background[number])
        torch.testing.assert_close(image.double(), expected, atol=atol, rtol=0)


@pytest.mark.parametrize(
    ("size", "level"), [(200.0, 0), (64.0, 0), (33.0, 0), (32.0, 1), (16.0, 2), (3.0, 2)]
)
def test_small_sprites_are_read_from_coarse_levels(size, level):
    pixels, shades = torch.ones(LEVELS, 1, 4, SIZE, SIZE), torch.tensor([0.2, 0.5, 0.8])
    pixels[:, :, :3] = shades[:, None, None, None, None]
    sprites = atlas(noise_patch(0))._replace(pixels=pixels)
    image = render(sprites, layout([{"size": size}]), torch.zeros(1, 3, 18, 20))
    torch.testing.assert_close(image[0, :, 9, 10], shades[level].expand(3))


@pytest.fixture(params=["torch", "numpy"])
def draws(request):
    """draws(seed): the random numbers of that seed."""
    if request.param == "numpy":
        return lambda seed: numpy_draws(np.random.default_rng(seed))
    return lambda seed: torch_draws(torch.Generator().manual_seed(seed))


def test_backgrounds_are_pale_and_each_its_own(draws):
    first, again, other = (backgrounds(3, 24, 32, draws(seed)) for seed in (0, 0, 1))
    assert first.shape == (3, 3, 24, 32) and first.min() > 0.1 and first.max() <= 1
    assert torch.equal(first, again) and not torch.allclose(first, other)
    assert not torch.allclose(first[0], first[1])


def test_wear_keeps_flat_images_flat_without_noise_and_adds_no_more_than_asked(draws):
    grey = torch.full((64, 3, 16, 16), 0.5)
    clean, noisy = degrade(grey, 0.0, draws(0)), degrade(grey, 0.1, draws(0))
    assert (clean.amax((2, 3)) - clean.amin((2, 3))).max() < 1e-6  # a cast, the same all over
    assert 0.05 < (clean - grey).abs().max() <= 0.08
    spread = (noisy - clean).std((1, 2, 3))  # (64,)
    assert 0.08 < spread.max() < 0.11 and spread.min() < 0.02
    assert torch.equal(degrade(grey, 0.1, draws(0)), noisy)
    assert not torch.equal(degrade(grey, 0.1, draws(1)), noisy)


def test_contrast_moves_black_and_white_by_the_same_factor(draws):
    pixels = torch.full((64, 3, 2, 1), 0.4)
    pixels[:, :, 1] = 0.6
    gain = degrade(pixels, 0.0, draws(0)).diff(dim=2) / 0.2  # (64, 3, 1, 1)
    torch.testing.assert_close(gain, gain[:, :1].expand_as(gain))
    assert 0.8 <= gain.min() < 0.85 and 1.1 < gain.max() <= 1.15


def test_numpy_draws_are_the_same_on_every_processor():
    """numpy keeps a seed's numbers; float64, so that a sum's rounding is far below a pixel's."""
    drawn = numpy_draws(np.random.default_rng(0))
    assert drawn.uniform((2,), 0, 1).tolist() == [0.6369616873214543, 0.2697867137638703]
    assert drawn.normal((1,)).dtype == torch.float64
