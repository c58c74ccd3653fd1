"""Fusion against the reference's numbers, a slow twin and cases worked by hand."""

import statistics

import numpy as np
import pytest

from lexiclip.errors import InputError
from lexiclip.scoring.fusion import FUSIONS, combine, fuse, image_scores, standardise, total


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


def test_golden(shared):
    for path in sorted((shared / "golden").glob("golden_*.npz")):
        golden = np.load(path)
        scores = golden["fuse_scores"]
        sims = golden["fuse_sims"].mean(-1)
        for form, key in (("plain", "fuse"), ("sharper", "fuse6")):
            np.testing.assert_allclose(fuse(scores, sims, form, 0.2), golden[key], rtol=1e-4)


@pytest.mark.parametrize("form", FUSIONS)
def test_slow_twin_on_both_sides_of_the_threshold(form):
    rng = np.random.default_rng(0)
    scores, sims = rng.normal(size=(5, 4, 6)), rng.random((5, 4))
    fused = fuse(scores, sims, form, threshold=0.9)
    expected = [slow_fuse(x.tolist(), s.tolist(), form, 0.9) for x, s in zip(scores, sims, strict=True)]
    np.testing.assert_allclose(fused, expected, rtol=1e-12)


def test_class_below_the_threshold_takes_its_least_window():
    scores = np.array([[[0.1, 0.1], [0.05, 0.05]]])  # no variance over classes
    assert fuse(scores, None, "plain", 0.2)[0].tolist() == pytest.approx([0.05, 0.05])
    assert fuse(scores, None, "plain", 0.07)[0].tolist() == pytest.approx([0.1, 0.1])


def test_no_similarity_is_similarity_zero():
    scores = np.random.default_rng(1).normal(size=(2, 3, 4))
    for form in FUSIONS:
        np.testing.assert_array_equal(fuse(scores, None, form), fuse(scores, np.zeros((2, 3)), form))


@pytest.mark.parametrize("form", FUSIONS)
def test_one_class_and_constant_scores_stay_finite(form):
    assert fuse(np.array([[[0.5], [0.7]]]), None, form).item() == pytest.approx(0.7)
    assert np.isfinite(fuse(np.full((1, 3, 5), 0.3), None, form)).all()


def test_standardise():
    assert standardise(np.array([1.0, 2.0, 3.0])).tolist() == [-1, 0, 1]
    assert np.abs(standardise(np.full((2, 4), 0.1))).max() < 1e-9
    assert standardise(np.array([[0.4]])).item() == 0.4


def test_image_scores_join_whole_image_and_windows():
    views = np.array([[[1.0, 3.0], [0.5, 0.5], [0.6, 0.6]]])  # (1, 1 + 2, 2)
    assert image_scores(views, None, "plain")[0].tolist() == pytest.approx([1 + 1.5 * 0.6, 3 + 1.5 * 0.6])
    whole = image_scores(views, None, "standardised", weight=0.0)[0]
    np.testing.assert_array_equal(whole, standardise(views[0, 0]))
    first_sim_unused = image_scores(views, np.array([[9.0, 0.0, 0.0]]), "plain")
    np.testing.assert_array_equal(first_sim_unused, image_scores(views, None, "plain"))


def test_combine_and_total():
    one, two = np.ones((2, 3)), np.full((2, 3), 2.0)
    assert (combine(one, two) == 4).all()
    assert (total(one, two, 1.5) == 4).all()


@pytest.mark.parametrize("form", FUSIONS)
def test_half_precision_scores_are_fused_in_float64(form):
    rng = np.random.default_rng(2)
    views, sims = rng.normal(size=(2, 4, 5)).astype(np.float16), rng.random((2, 4)).astype(np.float16)
    found = image_scores(views, sims, form)
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found, image_scores(views.astype(float), sims.astype(float), form))


def test_bad_input():
    with pytest.raises(InputError, match="'max': choose one of plain, sharper, standardised"):
        fuse(np.ones((1, 2, 3)), None, "max")
    with pytest.raises(InputError, match="no windows"):
        fuse(np.ones((1, 0, 3)), None, "plain")
