"""Stored window scores fused by METHOD's steps, one after the other, and over fewer windows."""

import numpy as np
import pytest

from lexiclip.files import write_json
from lexiclip.scoring.fusion import fuse
from lexiclip.scoring.image_scores import fuse_shard, fuse_variant
from lexiclip.scoring.window_store import read_scores, shard_path, write_shard

SETTINGS = {"names": list("abcd"), "variants": ["best", "ema"], "scales": [2], "shapes": ["square"]}
PLAIN = {
    "form": "plain", "local_weight": 1.5, "window_weight": 1.5, "threshold": 0.2, "retrieval": False,
    "companion_weight": 0.0,
}  # fmt: skip
COMPANIONS = np.array([[0, 1, 0, 0], [0.5, 0, 0.5, 0], [0, 0, 0, 0], [1, 0, 0, 0]])


def assert_close(actual, expected):
    """Equal up to the rounding of float64."""
    np.testing.assert_allclose(actual, expected, rtol=1e-12, atol=1e-12)


@pytest.fixture
def stored(tmp_path):
    """The folder of five images' scores in shards of two, and the tensors of all."""
    rng = np.random.default_rng(0)
    keys = ("best.global", "best.local", "best.retrieved", "ema.global", "ema.local")
    scores = {key: rng.normal(size=(5, 17, 4)).astype(np.float16) for key in keys}
    scores["best.sims"] = rng.random((5, 17)).astype(np.float16)
    ids = [["0", "1"], ["2", "3"], ["4"]]
    write_json(tmp_path / "index.json", {**SETTINGS, "shards": ids})
    for i, of_shard in enumerate(ids):
        part = {key: value[2 * i : 2 * i + 2] for key, value in scores.items()}
        write_shard(shard_path(tmp_path, i), part, {**SETTINGS, "ids": of_shard})
    return tmp_path, {key: value.astype(float) for key, value in scores.items()}


def test_all_steps_in_order(stored):
    folder, scores = stored
    found = fuse_variant(folder, "best", COMPANIONS, **{**PLAIN, "retrieval": True, "companion_weight": 0.5})
    global_ = (scores["best.global"] + scores["best.retrieved"]) / 2
    local = scores["best.local"] + 0.5 * scores["best.local"] @ COMPANIONS
    sims = scores["best.sims"][:, 1:]
    assert found.ids == list("01234")
    assert_close(found.whole, global_[:, 0] + 1.5 * local[:, 0])
    branches = [x[:, 0] + 1.5 * fuse(x[:, 1:], sims, "plain", 0.2) for x in (global_, local)]
    assert_close(found.windows, branches[0] + 1.5 * branches[1])


def test_switched_off_steps_change_nothing(stored):
    folder, scores = stored
    found = fuse_variant(folder, "best", COMPANIONS, **PLAIN)
    assert_close(found.whole, scores["best.global"][:, 0] + 1.5 * scores["best.local"][:, 0])
    without = fuse_variant(folder, "ema", COMPANIONS, **PLAIN)
    never_retrieved = fuse_variant(folder, "ema", COMPANIONS, **{**PLAIN, "retrieval": True})
    assert_close(without.windows, never_retrieved.windows)


def test_fewer_windows(stored):
    folder, scores = stored
    found = fuse_variant(folder, "ema", COMPANIONS, **PLAIN, views=[0, 3, 7])
    expected = [
        x[:, 0] + 1.5 * fuse(x[:, [3, 7]], None, "plain", 0.2)
        for x in (scores["ema.global"], scores["ema.local"])
    ]
    assert_close(found.windows, expected[0] + 1.5 * expected[1])
    none = fuse_variant(folder, "ema", COMPANIONS, **PLAIN, views=[0])
    assert_close(none.windows, none.whole)
    assert_close(none.whole, found.whole)


def test_shards_are_fused_as_one_would_be(stored):
    folder, _ = stored
    how = {**PLAIN, "retrieval": True, "companion_weight": 0.5}
    by_shards, at_once = (
        fuse_variant(folder, "best", COMPANIONS, **how),
        fuse_shard(read_scores(folder, "best"), COMPANIONS, **how),
    )
    assert by_shards.ids == at_once.ids and by_shards.windows.dtype == np.float64
    assert_close(by_shards.whole, at_once.whole)
    assert_close(by_shards.windows, at_once.windows)
