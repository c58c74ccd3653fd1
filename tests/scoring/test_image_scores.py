"""Stored window scores fused by METHOD's steps, one after the other, and over fewer windows."""

import numpy as np
import pytest
import torch

from lexiclip.files import write_json
from lexiclip.scoring.fusion import fuse
from lexiclip.scoring.image_scores import fuse_variant
from lexiclip.scoring.window_store import shard_path, write_shard

SETTINGS = {"names": list("abcd"), "variants": ["best", "ema"], "scales": [2], "shapes": ["square"]}
PLAIN = {
    "form": "plain", "local_weight": 1.5, "window_weight": 1.5, "threshold": 0.2, "retrieval": False,
    "companion_weight": 0.0,
}  # fmt: skip
COMPANIONS = np.array([[0, 1, 0, 0], [0.5, 0, 0.5, 0], [0, 0, 0, 0], [1, 0, 0, 0]])


@pytest.fixture
def stored(tmp_path):
    """The folder of five images' scores in shards of two, and the tensors of all."""
    generator = torch.Generator().manual_seed(0)
    keys = ("best.global", "best.local", "best.retrieved", "ema.global", "ema.local")
    scores = {key: torch.randn(5, 17, 4, generator=generator).half() for key in keys}
    scores["best.sims"] = torch.rand(5, 17, generator=generator).half()
    ids = [["0", "1"], ["2", "3"], ["4"]]
    write_json(tmp_path / "index.json", {**SETTINGS, "shards": ids})
    for i, of_shard in enumerate(ids):
        part = {key: value[2 * i : 2 * i + 2].clone() for key, value in scores.items()}
        write_shard(shard_path(tmp_path, i), part, {**SETTINGS, "ids": of_shard})
    return tmp_path, {key: value.float() for key, value in scores.items()}


def test_all_steps_in_order(stored):
    folder, scores = stored
    found = fuse_variant(folder, "best", COMPANIONS, **{**PLAIN, "retrieval": True, "companion_weight": 0.5})
    global_ = (scores["best.global"] + scores["best.retrieved"]) / 2
    local = scores["best.local"] + 0.5 * scores["best.local"] @ torch.from_numpy(COMPANIONS).float()
    sims = scores["best.sims"][:, 1:]
    assert found.ids == list("01234")
    torch.testing.assert_close(found.whole, global_[:, 0] + 1.5 * local[:, 0])
    branches = [x[:, 0] + 1.5 * fuse(x[:, 1:], sims, "plain", 0.2) for x in (global_, local)]
    torch.testing.assert_close(found.windows, branches[0] + 1.5 * branches[1])


def test_switched_off_steps_change_nothing(stored):
    folder, scores = stored
    found = fuse_variant(folder, "best", COMPANIONS, **PLAIN)
    torch.testing.assert_close(found.whole, scores["best.global"][:, 0] + 1.5 * scores["best.local"][:, 0])
    without = fuse_variant(folder, "ema", COMPANIONS, **PLAIN)
    never_retrieved = fuse_variant(folder, "ema", COMPANIONS, **{**PLAIN, "retrieval": True})
    torch.testing.assert_close(without.windows, never_retrieved.windows)


def test_fewer_windows(stored):
    folder, scores = stored
    found = fuse_variant(folder, "ema", COMPANIONS, **PLAIN, views=[0, 3, 7])
    expected = [
        x[:, 0] + 1.5 * fuse(x[:, [3, 7]], None, "plain", 0.2)
        for x in (scores["ema.global"], scores["ema.local"])
    ]
    torch.testing.assert_close(found.windows, expected[0] + 1.5 * expected[1])
    none = fuse_variant(folder, "ema", COMPANIONS, **PLAIN, views=[0])
    torch.testing.assert_close(none.windows, none.whole)
    torch.testing.assert_close(none.whole, found.whole)
