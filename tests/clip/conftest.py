"""A small random CLIP of another kind."""

import open_clip
import pytest
import torch


@pytest.fixture(scope="session")
def two_way_clip() -> torch.nn.Module:
    """A CustomTextCLIP whose text tower is not causal, like MobileCLIP-S1's."""
    with torch.random.fork_rng():
        torch.manual_seed(8)
        model = open_clip.CustomTextCLIP(
            embed_dim=24,
            vision_cfg={"image_size": 32, "layers": 2, "width": 64, "patch_size": 8},
            text_cfg={
                "context_length": 77,
                "vocab_size": 49408,
                "width": 32,
                "heads": 2,
                "layers": 2,
                "no_causal_mask": True,
            },
        )
    return model.eval().requires_grad_(False)
