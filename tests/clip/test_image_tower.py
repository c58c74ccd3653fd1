"""The image tower against CLIP's own attention pool, run in full."""

import open_clip
import pytest
import torch
import torch.nn.functional as F

from lexiclip.clip.image_tower import encode_images
from lexiclip.errors import InputError


def plain_features(clip, pixels):
    """Global feature by open_clip's own pool with its positions set to zero; local ones cell by cell."""
    grid = clip.visual.forward_intermediates(pixels, indices=1, intermediates_only=True)[
        "image_intermediates"
    ][0]
    pool = clip.visual.attnpool
    positions = pool.positional_embedding.data
    pool.positional_embedding.data = torch.zeros(grid[0, 0].numel() + 1, positions.shape[1])
    pooled = pool(grid)
    pool.positional_embedding.data = positions
    cells = [
        [
            pool.c_proj(pool.v_proj(image[:, row, column]))
            for row in range(grid.shape[2])
            for column in range(grid.shape[3])
        ]
        for image in grid
    ]
    return F.normalize(pooled, dim=-1), F.normalize(torch.stack([torch.stack(row) for row in cells]), dim=-1)


@pytest.mark.parametrize(("height", "width"), [(64, 64), (96, 160)])
def test_equals_the_full_attention_pool(small_clip, height, width):
    pixels = torch.randn(3, 3, height, width, generator=torch.Generator().manual_seed(1))
    features = encode_images(small_clip, pixels)
    global_, local = plain_features(small_clip, pixels)
    assert features.local.shape == (3, height // 32 * (width // 32), 24)
    torch.testing.assert_close(features.global_, global_, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(features.local, local, rtol=1e-4, atol=1e-5)


def test_another_tower_is_refused():
    vit = open_clip.CLIP(
        embed_dim=8,
        vision_cfg={"image_size": 16, "layers": 1, "width": 64, "patch_size": 8},
        text_cfg={"context_length": 8, "vocab_size": 16, "width": 8, "heads": 1, "layers": 1},
    )
    with pytest.raises(InputError, match="VisionTransformer"):
        encode_images(vit, torch.zeros(1, 3, 16, 16))
