"""Fusion and ensemble of any scores: no class, window or variant has a place of its own."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lexiclip.scoring.ensemble import Ensemble, class_advantage, join, mean_standardised
from lexiclip.scoring.fusion import FUSIONS, fuse_views, fuse_windows, standardise

SIZES = st.tuples(st.integers(1, 4), st.integers(1, 6), st.integers(2, 7))  # N images, W windows, K classes
SEEDS = st.integers(0, 2**32 - 1)


def drawn(seed, *shape, low=-1.0):
    """Numbers from `low` to 1, rounded so that some are equal."""
    return (np.random.default_rng(seed).uniform(low, 1, shape) * 8).round() / 8


def order(seed, n):
    return np.random.default_rng(seed).permutation(n)


def assert_close(actual, expected):
    """Equal up to the rounding of float64."""
    np.testing.assert_allclose(actual, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("form", FUSIONS)
@given(size=SIZES, seed=SEEDS)
def test_classes_and_windows_have_no_place_of_their_own(form, size, seed):
    n, w, k = size
    views, sims = drawn(seed, n, 1 + w, k), drawn(seed + 1, n, 1 + w, low=0.0)
    expected = np.array(fuse_views(views, sims, form))  # (2, N, K)
    classes, windows = order(seed, k), np.append(0, 1 + order(seed, w))
    assert_close(fuse_views(views[..., classes], sims, form), expected[..., classes])
    assert_close(fuse_views(views[:, windows], sims[:, windows], form), expected)
    assert_close(fuse_views(views[:1], sims[:1], form), expected[:, :1])


@pytest.mark.parametrize("form", FUSIONS)
@given(size=SIZES, seed=SEEDS, step=st.floats(0.01, 2))
def test_the_best_class_of_a_window_gains_by_scoring_higher_there(form, size, seed, step):
    n, w, k = size
    scores = drawn(seed, n, w, k, low=0.0) + 0.5  # above the threshold
    best = scores[:, 0].argmax(-1)  # (N,)
    raised = scores.copy()
    raised[np.arange(n), 0, best] += step
    before, after = (fuse_windows(x, None, form)[np.arange(n), best] for x in (scores, raised))
    assert (after >= before - 1e-12).all()


@pytest.mark.parametrize("form", ["plain", "sharper"])
@given(size=SIZES, seed=SEEDS)
def test_nearer_captions_never_lower_a_score_above_the_threshold(form, size, seed):
    n, w, k = size
    scores, sims = drawn(seed, n, w, k, low=0.0) + 0.5, drawn(seed + 1, n, w, low=0.0)
    nearer = sims + drawn(seed + 2, n, w, low=0.0)
    assert (fuse_windows(scores, nearer, form) >= fuse_windows(scores, sims, form) - 1e-12).all()


@pytest.mark.parametrize("form", FUSIONS)
@given(size=SIZES, seed=SEEDS, low=st.floats(-1, 1), step=st.floats(0, 1))
def test_a_higher_threshold_never_raises_a_score(form, size, seed, low, step):
    scores = drawn(seed, *size)
    assert (fuse_windows(scores, None, form, low + step) <= fuse_windows(scores, None, form, low)).all()


@given(size=SIZES, seed=SEEDS, scale=st.floats(0.5, 10), shift=st.floats(-5, 5))
def test_the_mean_of_variants_knows_neither_their_order_nor_their_scales(size, seed, scale, shift):
    v, n, k = size
    scores, mask = drawn(seed, v, n, k), np.ones((v, k), dtype=bool)
    scores = scores + np.arange(k)  # no constant rows, which have no scale
    expected = mean_standardised(scores, mask)
    variants, classes = order(seed, v), order(seed + 1, k)
    assert_close(mean_standardised(scores[variants], mask), expected)
    assert_close(mean_standardised(scores[..., classes], mask), expected[:, classes])
    assert_close(mean_standardised(scores * scale + shift, mask), expected)


@given(size=SIZES, seed=SEEDS)
def test_class_advantage_takes_each_column_whole(size, seed):
    v, n, k = size
    scores, choice = drawn(seed, v, n, k), np.arange(k) % v
    taken = class_advantage(scores, choice)
    assert all(np.array_equal(taken[:, c], scores[choice[c], :, c]) for c in range(k))
    ensemble = Ensemble(range(v), choice, np.ones((v, k), dtype=bool), np.zeros((k, k)))
    both = join({**dict(enumerate(scores)), "prototypes": scores[0]}, ensemble)
    assert_close(both["class_advantage"], class_advantage(standardise(scores), choice))
