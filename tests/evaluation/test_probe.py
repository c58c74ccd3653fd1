"""The supervised probe that tells what labels could do."""

import numpy as np
import pytest
import torch

from lexiclip.errors import InputError
from lexiclip.evaluation.metrics import mean_average_precision
from lexiclip.evaluation.probe import fit_probe, probe_logits


def images(count, seed):
    """Features (N, 5, 12) of images whose labels (N, 3) show in one window, and a little in the whole."""
    rng = np.random.default_rng(seed)
    labels = (rng.random((count, 3)) < 0.4).astype(np.int8)
    features = rng.normal(0, 1, (count, 5, 12))
    for image, k in np.argwhere(labels):
        features[image, rng.integers(1, 5), k] += 4
        features[image, 0, k] += 1
    return torch.from_numpy(features), labels


def test_windows_find_what_the_whole_image_hardly_shows():
    features, labels = images(400, seed=0)
    unseen, truth = images(200, seed=1)
    found = {}
    for views in (1, 5):
        probe = fit_probe(features[:, :views], labels, 0, torch.float64)
        found[views] = mean_average_precision(probe_logits(probe, unseen[:, :views]).numpy(), truth)
    assert found[5] > found[1] + 0.1 and found[1] > truth.mean() + 0.1


def test_logits_by_hand():
    """Two views of two dimensions: the whole image by its weights, the better window by its own."""
    features, labels = images(60, seed=2)
    probe = fit_probe(features, labels, 0, torch.float64)
    image = features[7]
    by_hand = [
        float(probe.bias[k] + scaled(probe, image[0]) @ probe.whole[k])
        + max(float(scaled(probe, view) @ probe.window[k]) for view in image[1:])
        for k in range(3)
    ]
    np.testing.assert_allclose(probe_logits(probe, features)[7], by_hand)


def scaled(probe, view):
    return (view - probe.mean) / probe.deviation


def test_the_seed_decides_the_order_and_nothing_else_does():
    features, labels = images(150, seed=3)
    first, again, other = (fit_probe(features, labels, seed, torch.float64).whole for seed in (0, 0, 1))
    assert torch.equal(first, again) and not torch.equal(first, other)


@pytest.mark.parametrize("count", [0, 1])
def test_too_few_images(count):
    with pytest.raises(InputError, match=f"^{count} labelled images .*: give two or more"):
        fit_probe(torch.zeros(count, 2, 4), np.zeros((count, 3)), 0, torch.float64)
