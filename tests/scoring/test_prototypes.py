"""Class vectors from unlabelled windows."""

import numpy as np
import pytest

from lexiclip.errors import InputError
from lexiclip.scoring.fusion import standardise
from lexiclip.scoring.prototypes import (
    FEWEST,
    SHARPNESS,
    SHRINKAGE,
    gaussian_vectors,
    prototypes_and_lift,
    sure_windows,
)


def unit(values):
    return values / np.linalg.norm(values, axis=-1, keepdims=True)


@pytest.fixture(scope="module")
def windows():
    """Features (M, D) of windows, the class that each shows, and text vectors (K, D) a little off."""
    rng = np.random.default_rng(0)
    centres = rng.normal(0, 1, (6, 16))
    shown = rng.integers(0, 6, 600)
    spread = rng.normal(0, 1, (600, 16)) * np.linspace(0.2, 1.6, 16)
    features = unit(centres[shown] + spread + 4 * np.eye(16)[0])
    return features, shown, unit(centres + rng.normal(0, 0.6, centres.shape))


def test_sure_windows_slow_twin(windows):
    features, _, text = windows
    scores = features @ text.T
    allowed = np.arange(len(scores))[:, None] % 7 != np.arange(6)
    chosen = sure_windows(scores, 20, allowed)
    p = np.exp(SHARPNESS * standardise(scores))
    p /= p.sum(1, keepdims=True)
    for k, rows in enumerate(chosen):
        own = [i for i in range(len(p)) if p[i].argmax() == k and allowed[i, k]]
        expected = sorted(own, key=lambda i: -(p[i] * np.log(p[i])).sum())[:20]
        assert len(own) >= FEWEST
        assert sorted(rows.tolist()) == sorted(expected)


def test_a_class_that_no_window_prefers_takes_its_highest():
    scores = np.tile([3.0, 0.0, 1.0], (8, 1)) + np.arange(8)[:, None] * [0.0, 0.1, 0.0]
    chosen = sure_windows(scores, 4, np.ones((8, 3), bool))
    assert len(chosen[0]) == 4 and sorted(chosen[1]) == [3, 4, 5, 6, 7]


def test_vectors_are_the_gaussian_classifier(windows):
    """Against its log density, written plainly, on features whose length along their mean is one."""
    features, shown, _ = windows
    features = np.c_[np.ones(len(features)), (features - features.mean(0))[:, :15]]
    chosen = [np.flatnonzero(shown == k) for k in range(6)]
    vectors = gaussian_vectors(features, chosen)
    means = np.stack([features[rows].mean(0) for rows in chosen])
    inner = features - means[shown]
    covariance = (1 - SHRINKAGE) * inner.T @ inner / len(inner)
    covariance += SHRINKAGE * np.trace(inner.T @ inner / len(inner)) / 16 * np.eye(16)
    away = features[:, None] - means  # (M, K, D)
    density = -0.5 * np.einsum("mkd,de,mke->mk", away, np.linalg.inv(covariance), away)
    scores = features @ vectors.T
    # equal but for what is common to the classes of a window
    scores, density = (s - s.mean(1, keepdims=True) for s in (scores, density))
    np.testing.assert_allclose(scores / scores.std(), density / density.std(), atol=1e-6)
    assert np.linalg.norm(vectors, axis=1).mean() == pytest.approx(1)


def test_too_few_windows():
    with pytest.raises(
        InputError, match="2 unlabelled images have 6 windows for 7 classes: give more images"
    ):
        prototypes_and_lift(np.ones((2, 4, 5)), np.ones((7, 5)), 20)


def test_images_teach_which_classes_they_show_together(windows):
    """Classes 0 and 1 share images, as 2 and 3 do; 4 and 5 are alone, and nothing shows the other twenty."""
    features, shown, text = windows
    rng, of_class = np.random.default_rng(1), [features[shown == k] for k in range(6)]
    text = np.concatenate([text, unit(rng.normal(0, 1, (20, 16)))])
    images = []
    for kinds in [(0, 1), (2, 3), (4, 4), (5, 5)] * 25:
        views = [rng.choice(of_class[kinds[view % 2]]) for view in range(8)]
        images.append([unit(np.mean(views, 0)), *views])
    vectors, lift = prototypes_and_lift(np.array(images), text, 20)
    assert vectors.shape == text.shape
    assert lift[0, 1] > 0.1 and lift[2, 3] > 0.1 and lift[0, 2] < 0 and lift[4, 5] < 0
    np.testing.assert_allclose(lift, lift.T, atol=1e-12)
