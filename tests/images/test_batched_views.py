"""Views cut in batch against PIL's, one by one; a resize against a slow one."""

import numpy as np
import pytest
import torch
from PIL import Image

from lexiclip.images.batched_views import batched_view_pixels, bicubic_weights, image_pixels
from lexiclip.images.preprocess import load_rgb, view_pixels
from lexiclip.images.windows import SHAPES, windows


def noise(width: int, height: int) -> Image.Image:
    """Every pixel another colour: overshoots are clipped, halves are rounded."""
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8))


def difference(image: Image.Image, scales, size: int) -> torch.Tensor:
    """How far the batched views are from PIL's, in units of 1/255."""
    boxes = windows(*image.size, scales, SHAPES)
    found = batched_view_pixels(image_pixels(image), boxes, size)
    expected = view_pixels(image, boxes, size)
    assert found.shape == expected.shape and found.dtype == expected.dtype
    return (found.int() - expected.int()).abs().float()


@pytest.mark.parametrize(
    ("width", "height"), [(160, 120), (75, 101), (64, 64), (33, 200), (5, 3), (1, 1), (90, 1), (300, 400)]
)
def test_views_equal_those_of_pil(width, height):
    assert difference(noise(width, height), (2, 3), 32).mean() < 0.5


def test_views_of_photos(shared):
    for path in sorted((shared / "photos" / "coco" / "images").glob("*.jpg"))[:3]:
        assert difference(load_rgb(path), (2, 3, 4), 96).mean() < 0.01


def test_a_very_long_strip_stays_small():
    strip = torch.tensor([9, 8, 7], dtype=torch.uint8)[:, None, None].expand(3, 1, 20000)
    views = batched_view_pixels(strip, windows(20000, 1, (2, 3, 4), SHAPES), 8)
    assert views.shape == (305, 3, 8, 8)
    assert (views == strip[:, :1, :1]).all()


@pytest.mark.parametrize(("side", "resized"), [(12, 5), (5, 12), (7, 7), (100, 3)])
def test_weights_are_those_of_pil(side, resized):
    """PIL resizes an image of floats without rounding: a unit pixel shows its weights."""
    units = Image.fromarray(np.eye(side, dtype=np.float32))
    expected = np.asarray(units.resize((resized, side), Image.Resampling.BICUBIC)).T
    found = bicubic_weights(side, resized, 0, resized, torch.device("cpu"))
    np.testing.assert_allclose(found, expected, atol=1e-6)
    np.testing.assert_array_equal(bicubic_weights(side, resized, 1, 2, torch.device("cpu")), found[1:3])
