"""A small random CLIP, and the golden numbers of every seed at hand."""

import json
from typing import NamedTuple

import numpy as np
import open_clip
import pytest
import torch

from lexiclip.clip.building import build_clip


class Golden(NamedTuple):
    """One seed's random CLIP, the reference's inputs and outputs as tensors, and the class names."""

    clip: torch.nn.Module
    values: dict[str, torch.Tensor]
    names: list[str]


@pytest.fixture(scope="session")
def golden(shared) -> list[Golden]:
    found = []
    for path in sorted((shared / "golden").glob("golden_*.npz")):
        weights = path.with_name(path.stem.replace("golden", "clip_random") + ".pt")
        facts = path.with_suffix(".json")
        if weights.is_file() and facts.is_file():
            values = {key: torch.from_numpy(np.asarray(value)) for key, value in np.load(path).items()}
            names = json.loads(facts.read_text())["classnames"]
            found.append(Golden(build_clip(None, weights), values, names))
    if not found:
        pytest.skip(f"no golden_*.npz with its .json and clip_random_*.pt in {shared}/golden")
    return found


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
