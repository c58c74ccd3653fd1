"""Fusion against the reference's numbers, a slow twin, METHOD's steps one by one, and small cases."""

import statistics

import numpy as np
import pytest
from tests.scoring.closeness import assert_close

from lexiclip.files import write_json
from lexiclip.scoring.fusion import (
    FUSIONS,
    fuse_scores,
    fuse_variant,
    fuse_views,
    fuse_windows,
    standardise,
    total,
)
from lexiclip.scoring.window_store import read_shards, shard_path, write_shard


def slow_fuse(scores: list, sims: list, form: str, threshold: float) -> list:
    """One image, loops only: scores [W][K], sims [W]."""
    weighted = []
    for row, sim in zip(scores, sims, strict=True):
        near = [x * (1 + sim) for x in row]
        factor = 1 + statistics.variance(near)
        if form == "sharper":
            factor *= 1 + statistics.variance(row)
        if form == "standardised":
            near = [(x - statistics.mean(row)) / statistics.stdev(row) for x in row]
            factor = 1
        weighted.append([x * factor for x in near])
    fused = []
    for of_class in zip(*weighted, strict=True):
        top = max(of_class)
        fused.append(top if top > threshold or form == "standardised" else min(of_class))
    return fused


def test_golden(shared_files):
    for path in shared_files("golden/golden_*.npz"):
        golden = np.load(path)
        scores = golden["fuse_scores"]
        sims = golden["fuse_sims"].mean(-1)
        for form, key in (("plain", "fuse"), ("sharper", "fuse6")):
            np.testing.assert_allclose(fuse_windows(scores, sims, form, 0.2), golden[key], rtol=1e-4)


@pytest.mark.parametrize("size", [(5, 4, 6), (3, 1, 2), (1, 6, 3)])
@pytest.mark.parametrize("form", FUSIONS)
def test_slow_twin_on_both_sides_of_the_threshold(form, size):
    rng = np.random.default_rng(0)
    scores, sims = rng.normal(size=size).round(1), rng.random(size[:2])  # rounded: some are equal
    fused = fuse_windows(scores, sims, form, threshold=0.9)
    expected = [slow_fuse(x.tolist(), s.tolist(), form, 0.9) for x, s in zip(scores, sims, strict=True)]
    np.testing.assert_allclose(fused, expected, rtol=1e-12)


@pytest.mark.parametrize("form", FUSIONS)
def test_one_class_and_constant_scores_stay_finite_and_no_similarity_is_similarity_zero(form):
    assert fuse_windows(np.array([[[0.5], [0.7]]]), None, form).item() == pytest.approx(0.7)
    assert np.isfinite(fuse_windows(np.full((1, 3, 5), 0.3), None, form)).all()
    scores = np.random.default_rng(1).normal(size=(2, 3, 4))
    zeros = np.zeros((2, 3))
    np.testing.assert_array_equal(fuse_windows(scores, None, form), fuse_windows(scores, zeros, form))


def test_standardise():
    assert standardise(np.array([1.0, 2.0, 3.0])).tolist() == [-1, 0, 1]
    assert np.abs(standardise(np.full((2, 4), 0.1))).max() < 1e-9
    assert standardise(np.array([[0.4]])).item() == 0.4


def test_whole_image_and_windows_are_added():
    views = np.array([[[1.0, 3.0], [0.5, 0.5], [0.6, 0.6]]])  # (1, 1 + 2, 2)
    whole, fused = fuse_views(views, None, "plain")
    assert whole.tolist() == [[1, 3]] and fused[0].tolist() == pytest.approx([0.6, 0.6])
    whole, _ = fuse_views(views, None, "standardised")
    np.testing.assert_array_equal(whole[0], standardise(views[0, 0]))
    first_sim_unused = fuse_views(views, np.array([[9.0, 0.0, 0.0]]), "plain")
    np.testing.assert_array_equal(first_sim_unused, fuse_views(views, None, "plain"))
    assert total(np.ones(3), np.full(3, 2.0), 1.5).tolist() == [4, 4, 4]


SETTINGS = {"names": list("abcd"), "variants": ["best", "ema"], "scales": [2], "shapes": ["square"]}
PLAIN = {
    "form": "plain", "local_weight": 1.5, "window_weight": 1.5, "threshold": 0.2, "retrieval": False,
    "companion_weight": 0.0,
}  # fmt: skip
COMPANIONS = np.array([[0, 1, 0, 0], [0.5, 0, 0.5, 0], [0, 0, 0, 0], [1, 0, 0, 0]])


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
    assert found.ids == list("01234") and found.windows.dtype == np.float64
    assert_close(found.whole, global_[:, 0] + 1.5 * local[:, 0])
    branches = [x[:, 0] + 1.5 * fuse_windows(x[:, 1:], sims, "plain", 0.2) for x in (global_, local)]
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
        x[:, 0] + 1.5 * fuse_windows(x[:, [3, 7]], None, "plain", 0.2)
        for x in (scores["ema.global"], scores["ema.local"])
    ]
    assert_close(found.windows, expected[0] + 1.5 * expected[1])
    none = fuse_variant(folder, "ema", COMPANIONS, **PLAIN, views=[0])
    assert_close(none.windows, none.whole)
    assert_close(none.whole, found.whole)


def test_settings_share_what_they_have_in_common_and_nothing_else(stored):
    scores, shared = next(read_shards(stored[0], "best")), {}
    changes = {
        "retrieval": [True], "companion_weight": [0.5, 1.0], "form": ["sharper", "standardised"],
        "threshold": [0.7], "views": [[0], [0, 3]], "window_weight": [4.0], "local_weight": [0.0, 1.0],
    }  # fmt: skip
    for changed in [{}, *({key: value} for key, values in changes.items() for value in values)]:
        alone = fuse_scores(scores, COMPANIONS, **PLAIN | changed)
        found = fuse_scores(scores, COMPANIONS, **PLAIN | changed, shared=shared)
        np.testing.assert_array_equal(found.whole, alone.whole)
        np.testing.assert_array_equal(found.windows, alone.windows)
    assert len(shared) == 2 + 2 + 2 + 2 * 2 + 2 + 2 * 2, "both branches, but local alone of companions"
