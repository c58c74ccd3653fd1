"""The golden numbers of every seed at hand."""

import json
from typing import NamedTuple

import numpy as np
import pytest
import torch


class Golden(NamedTuple):
    """One seed's random CLIP, the reference's inputs and outputs as tensors, and the class names."""

    clip: torch.nn.Module
    values: dict[str, torch.Tensor]
    names: list[str]


@pytest.fixture(scope="session")
def golden(shared, shared_files, openai_clip) -> list[Golden]:
    found = []
    for path in shared_files("golden/golden_*.npz"):
        weights = path.with_name(path.stem.replace("golden", "clip_random") + ".pt")
        facts = path.with_suffix(".json")
        if weights.is_file() and facts.is_file():
            values = {key: torch.from_numpy(np.asarray(value)) for key, value in np.load(path).items()}
            names = json.loads(facts.read_text())["classnames"]
            found.append(Golden(openai_clip(weights), values, names))
    if not found:
        pytest.skip(f"no golden_*.npz with its .json and clip_random_*.pt in {shared}/golden")
    return found
