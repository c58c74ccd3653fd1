"""A small config, also under a name of open_clip's, and a small random CLIP of another kind."""

import json
from copy import deepcopy
from pathlib import Path

import open_clip
import pytest
import torch
from tests.tiny import tiny_config

CONFIG = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": 64, "layers": [1, 2, 1, 1], "width": 8, "patch_size": None},
    "text_cfg": {"context_length": 77, "vocab_size": 512, "width": 64, "heads": 1, "layers": 1},
}


@pytest.fixture
def config(tmp_path) -> Path:
    """A config of a CLIP of a few weights: the file tiny.json."""
    path = tmp_path / "tiny.json"
    path.write_text(json.dumps(CONFIG))
    return path


@pytest.fixture
def named(config, monkeypatch) -> Path:
    """The same, which open_clip now knows as "tiny-16", with two tags, and as "tiny-16-quickgelu"."""
    models = open_clip.factory._MODEL_CONFIGS
    monkeypatch.setitem(models, "tiny-16", deepcopy(CONFIG))
    monkeypatch.setitem(models, "tiny-16-quickgelu", deepcopy(CONFIG) | {"quick_gelu": True})
    tags = {"openai": {"hf_hub": "org/model/", "quick_gelu": True}, "laion": {"hf_hub": "org/other/"}}
    monkeypatch.setitem(open_clip.pretrained._PRETRAINED, "tiny-16", tags)
    return config


@pytest.fixture(scope="session")
def two_way_clip() -> torch.nn.Module:
    """A CustomTextCLIP whose text tower is not causal, like MobileCLIP-S1's."""
    with torch.random.fork_rng():
        torch.manual_seed(8)
        vision = {"image_size": 32, "layers": 2, "width": 64, "patch_size": 8}
        text = tiny_config(width=32, layers=2)["text_cfg"] | {"no_causal_mask": True}
        model = open_clip.CustomTextCLIP(embed_dim=24, vision_cfg=vision, text_cfg=text)
    return model.eval().requires_grad_(False)
