"""Probabilities and labels from scores of images that have no labels."""

import numpy as np
import pytest
from scipy.special import expit

from lexiclip.errors import InputError
from lexiclip.scoring.decisions import (
    PRIOR,
    STEEPNESS,
    caption_prior,
    fit_rule,
    probabilities,
    read_decisions,
    write_decisions,
)
from lexiclip.scoring.fusion import standardise

NAMES = [f"class {k}" for k in range(40)]
UNIFORM = caption_prior(3.0, np.full(40, 7))


@pytest.fixture(scope="module")
def world():
    """Scores (N, K) in which shown classes stand out, each image's on a scale of its own."""
    rng = np.random.default_rng(0)
    labels = (rng.random((500, 40)) < 3 / 40).astype(int)
    scores = rng.normal(0, 1, (500, 40)) + 3 * labels
    return scores * rng.uniform(0.2, 3, (500, 1)) + rng.normal(0, 3, (500, 1)), labels


def test_probabilities_are_the_formula(world):
    scores, _ = world
    prior = caption_prior(2.0, np.arange(40))
    rule, s = fit_rule(scores, prior), standardise(scores)
    log_share = np.log(np.maximum(np.arange(40), 1))
    for i, k in [(0, 0), (3, 39)]:
        logit = s[i, k] - rule.midpoint + PRIOR * (log_share[k] - log_share.mean())
        assert probabilities(scores, rule)[i, k] == pytest.approx(expit(STEEPNESS * logit), abs=1e-4)


@pytest.mark.parametrize("expected", [0.5, 3.0, 8.0])
def test_they_add_up_to_the_labels_expected(world, expected):
    prior = caption_prior(expected, np.ones(40))
    p = probabilities(world[0], fit_rule(world[0], prior))
    assert p.sum(1).mean() == pytest.approx(expected, abs=0.01)


def test_the_threshold_has_the_highest_expected_f1(world):
    """Against a slow twin that tries every probability as the threshold."""
    rule = fit_rule(world[0][:40], UNIFORM)
    p = probabilities(world[0][:40], rule)
    f1 = {t: 2 * p[p >= t].sum() / ((p >= t).sum() + p.sum()) for t in np.unique(p)}
    assert f1[min(f1, key=lambda t: abs(t - rule.threshold))] == pytest.approx(max(f1.values()), abs=1e-3)


def test_scale_and_shift_of_an_image_do_not_matter(world):
    rule = fit_rule(world[0], UNIFORM)
    again = fit_rule(100 * world[0] - 5, UNIFORM)
    assert again[1:] == pytest.approx(rule[1:], abs=1e-4)


def test_more_labels_than_half_of_the_classes_are_not_expected():
    scores = np.random.default_rng(0).normal(0, 1, (50, 2))
    p = probabilities(scores, fit_rule(scores, caption_prior(3.0, np.ones(2))))
    assert p.sum(1).mean() == pytest.approx(1.0, abs=0.01)


def test_what_is_written_is_read(tmp_path, world):
    prior = caption_prior(2.5, np.arange(40))
    rule = fit_rule(world[0], prior)
    write_decisions(tmp_path / "d.json", NAMES, prior, {"ensemble": rule})
    again, rules = read_decisions(tmp_path / "d.json", [*NAMES[::-1], "tram"])
    assert again.labels_per_image == 2.5
    np.testing.assert_array_equal(again.log_share[-2::-1], prior.log_share)
    np.testing.assert_array_equal(rules["ensemble"].gain, [*rule.gain[::-1], 0])
    assert rules["ensemble"][1:] == rule[1:]


def test_another_file_ends_in_one_line(tmp_path):
    (tmp_path / "d.json").write_text('{"labels_per_image": 3}')
    with pytest.raises(InputError, match=r"d.json .*dvc repro ensemble.*log_share"):
        read_decisions(tmp_path / "d.json", NAMES)
