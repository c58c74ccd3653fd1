"""Rendering against cases worked by hand and a slow loop over pixels; backgrounds and wear of the image."""

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


def layout(*slots):
    """One scene; a slot is a dict of what differs from an upright sprite 0 of side SIZE at (40, 36)."""
    plain = {"sprite": 0, "centre": (40.0, 36.0), "size": float(SIZE), "angle": 0.0, "mirrored": False}
    plain["tint"] = (1.0, 1.0, 1.0)
    slots = [{**plain, **slot} for slot in slots]
    return Layout(*(torch.tensor([[slot[field] for slot in slots]]) for field in Layout._fields))


def filled(red, green, blue):
    return torch.tensor([red, green, blue, 1.0])[:, None, None].expand(4, SIZE, SIZE)


def noise_patch(seed):
    """Random colours under a random alpha, multiplied by it."""
    pixels = torch.rand(4, SIZE, SIZE, generator=torch.Generator().manual_seed(seed))
    pixels[:3] *= pixels[3]
    return pixels


BLACK = torch.zeros(1, 3, 72, 80)


@pytest.mark.parametrize(
    ("centre", "rows", "columns"),
    [((30.0, 25.0), slice(15, 35), slice(20, 40)), ((0.0, 72.0), slice(62, 72), slice(0, 10))],
)
def test_a_sprite_fills_its_box_as_far_as_it_lies_in_the_image(centre, rows, columns):
    image = render(atlas(filled(1, 1, 1)), layout({"centre": centre, "size": 20.0}), BLACK)
    expected = BLACK.clone()
    expected[:, :, rows, columns] = 1
    torch.testing.assert_close(image, expected)


@pytest.mark.parametrize(
    ("changed", "turned"),
    [
        ({}, lambda patch: patch),
        ({"mirrored": True}, lambda patch: patch.flip(-1)),
        ({"angle": math.pi / 2}, lambda patch: patch.rot90(-1, (1, 2))),  # clockwise
        ({"angle": math.pi}, lambda patch: patch.flip(-1, -2)),
        ({"angle": math.pi / 2, "mirrored": True}, lambda patch: patch.flip(-1).rot90(-1, (1, 2))),
    ],
)
def test_mirroring_and_quarter_turns_move_whole_pixels(changed, turned):
    patch = noise_patch(0)
    image = render(atlas(patch), layout(changed), BLACK)
    expected = BLACK.clone()
    expected[0, :, 4:68, 8:72] = turned(patch)[:3]
    torch.testing.assert_close(image, expected, atol=1e-3, rtol=0)


def slow_render(sprites, scene, background):
    """Each pixel is carried into the sprite and read there by bilinear interpolation; outside is empty."""
    image = background[0].double().clone()
    for slot in range(scene.sprite.shape[1]):
        sprite, (x, y), size, angle, mirrored, tint = (field[0, slot].tolist() for field in scene)
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
    return image.clamp(0, 1)[None]


@pytest.mark.parametrize(("dtype", "atol"), [(torch.float32, 1e-4), (torch.float64, 1e-12)])
def test_any_pose_equals_a_loop_over_pixels(dtype, atol):
    sprites = atlas(noise_patch(1), noise_patch(2))
    scene = layout(
        {"centre": (9.3, 12.1), "size": 17.0, "angle": 0.3, "tint": (0.8, 1.1, 0.9)},
        {"sprite": 1, "centre": (14.2, 8.7), "size": 14.5, "angle": -0.7, "mirrored": True},
    )
    scene = Layout(*(field.to(dtype) if field.is_floating_point() else field for field in scene))
    background = torch.rand(1, 3, 20, 24, generator=torch.Generator().manual_seed(3), dtype=dtype)
    before = background.clone()
    expected = slow_render(sprites, scene, background)
    found = render(sprites, scene, background)
    assert found.dtype == dtype
    torch.testing.assert_close(found.double(), expected, atol=atol, rtol=0)
    assert torch.equal(background, before)


def test_later_slots_cover_earlier_ones_and_empty_ones_paint_nothing():
    sprites = atlas(filled(1, 0, 0), filled(0, 1, 0))
    red, green = {"sprite": 0, "size": 40.0}, {"sprite": 1, "size": 20.0}
    for slots, on_top in (([red, {"sprite": -1}, green], [0.0, 1.0, 0.0]), ([green, red], [1.0, 0.0, 0.0])):
        centre = render(sprites, layout(*slots), BLACK)[0, :, 36, 40]
        torch.testing.assert_close(centre, torch.tensor(on_top))
    assert not render(sprites, layout({"sprite": -1}), BLACK).any()


def test_scenes_of_a_batch_do_not_mix():
    sprites = atlas(noise_patch(1), noise_patch(2))
    scenes = [layout({"sprite": -1}, {"size": 30.0}), layout({"sprite": 1, "angle": 0.5}, {"sprite": 0})]
    batch = Layout(*(torch.cat(fields) for fields in zip(*scenes, strict=True)))
    together = render(sprites, batch, BLACK.expand(2, -1, -1, -1))
    for image, scene in zip(together, scenes, strict=True):
        torch.testing.assert_close(image, render(sprites, scene, BLACK)[0], atol=1e-6, rtol=0)


@pytest.mark.parametrize(
    ("size", "level"), [(200.0, 0), (64.0, 0), (33.0, 0), (32.0, 1), (16.0, 2), (3.0, 2)]
)
def test_small_sprites_are_read_from_coarse_levels(size, level):
    sprites = atlas(filled(0, 0, 0))
    shades = torch.tensor([0.2, 0.5, 0.8])
    pixels = sprites.pixels.clone()
    pixels[:, :, :3] = shades[:, None, None, None, None]
    image = render(sprites._replace(pixels=pixels), layout({"size": size}), BLACK)
    torch.testing.assert_close(image[0, :, 36, 40], shades[level].expand(3))


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


def test_draws_are_uniform_between_bounds_or_normal(draws):
    drawn, normal = draws(0).uniform((1000,), 2.0, 5.0), draws(0).normal((40, 50))
    assert 2 <= drawn.min() < 2.1 and 4.9 < drawn.max() <= 5
    assert normal.shape == (40, 50) and abs(normal.mean()) < 0.1 and 0.95 < normal.std() < 1.05


def test_numpy_draws_are_the_same_on_every_processor():
    """numpy keeps a seed's numbers; float64, so that a sum's rounding is far below a pixel's."""
    drawn = numpy_draws(np.random.default_rng(0))
    assert drawn.uniform((2,), 0, 1).tolist() == [0.6369616873214543, 0.2697867137638703]
    assert drawn.normal((1,)).dtype == torch.float64
