"""Small random CLIPs."""

import open_clip
import pytest
import torch


@pytest.fixture(scope="session")
def small_clip() -> torch.nn.Module:
    """A frozen CLIP of a few hundred thousand weights beside its vocabulary, no layer of it idle."""
    with torch.random.fork_rng():
        torch.manual_seed(7)
        model = open_clip.CLIP(
            embed_dim=24,
            vision_cfg={"image_size": 64, "layers": [1, 1, 1, 1], "width": 8, "patch_size": None},
            text_cfg={"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 2},
        )
        for parameter in model.parameters():
            parameter.data += 0.02 * torch.randn_like(parameter)  # zero-initialised scales would hide a bug
    return model.eval().requires_grad_(False)


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
