"""Which classes images show together, and scores moved by it."""

import numpy as np
import pytest

from lexiclip.errors import InputError
from lexiclip.scoring.fusion import standardise
from lexiclip.scoring.lift import WEIGHT, likely_classes, log_lift, read_lift, with_lift, write_lift

NAMES = ("cat", "dog", "cow", "emu")


def test_log_lift_slow_twin():
    likely = np.random.default_rng(0).random((7, 4))
    lift = log_lift(likely)
    for j in range(4):
        for k in range(4):
            together = sum(likely[i, j] * likely[i, k] for i in range(7))
            chance = sum(likely[:, j]) * sum(likely[:, k]) / 7
            expected = 0 if j == k else np.log((together + 1) / (chance + 1))
            assert lift[j, k] == pytest.approx(expected)


def test_a_class_that_is_probably_shown_moves_the_others_alone():
    scores = standardise(np.array([[9.0, 0.0, 0.0, 0.0] + [0.0] * 20]))
    lift = np.zeros((24, 24))
    lift[0, 1], lift[1, 0], lift[0, 2] = 2.0, 2.0, -1.0
    moved = with_lift(scores, lift) - scores
    p = likely_classes(scores)[0, 0]
    assert p > 0.9
    np.testing.assert_allclose(moved[0, :4], [0, 2 * WEIGHT * p, -WEIGHT * p, 0], atol=5e-3)
    np.testing.assert_allclose(with_lift(scores, np.zeros((24, 24))), scores)


def test_stored_by_name(tmp_path):
    """Another order of classes finds its own pairs; a class that the file does not know has none."""
    lift = np.arange(16.0).reshape(4, 4)
    write_lift(tmp_path / "lift.npz", lift, NAMES)
    np.testing.assert_array_equal(read_lift(tmp_path / "lift.npz", NAMES), lift)
    found = read_lift(tmp_path / "lift.npz", ("tram", "cow", "cat"))
    np.testing.assert_array_equal(
        found, [[0, 0, 0], [0, lift[2, 2], lift[2, 0]], [0, lift[0, 2], lift[0, 0]]]
    )


def test_damaged(tmp_path):
    path = tmp_path / "lift.npz"
    write_lift(path, np.ones((3, 3)), NAMES)
    with pytest.raises(InputError, match=r"lift of classes.*run `dvc repro prototypes`"):
        read_lift(path, NAMES)
    write_lift(path, np.full((4, 4), np.nan), NAMES)
    with pytest.raises(InputError, match=r"lift of classes .*not finite"):
        read_lift(path, NAMES)
