"""Normalisation against open_clip's."""

import numpy as np
import open_clip
import torch
from PIL import Image

from lexiclip.images.normalisation import CLIP_MEAN, CLIP_STD, normalise


def test_normalise_equals_open_clip():
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8))
    expected = open_clip.image_transform(40, is_train=False, mean=CLIP_MEAN, std=CLIP_STD)(image)
    pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1)
    torch.testing.assert_close(normalise(pixels[None])[0], expected)
    found = normalise(pixels[None], torch.float64)[0]
    torch.testing.assert_close(found, expected.double(), rtol=0, atol=1e-6)
    assert found.dtype == torch.float64 and not torch.equal(found, expected.double())
