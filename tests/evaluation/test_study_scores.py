"""Scores of images written and read back, and files that do not fit."""

import numpy as np
import pytest

from lexiclip.errors import InputError
from lexiclip.evaluation.study_scores import read_scores_file, write_scores


def test_written_and_read_back(tmp_path):
    path = tmp_path / "best.npz"
    write_scores(path, ["b", "a"], ("cat", "dog"), np.eye(2), whole=np.full((2, 2), 1 / 3))
    ids, arrays = read_scores_file(path, ("cat", "dog"))
    assert ids == ["b", "a"] and list(arrays) == ["scores", "whole"]
    assert arrays["scores"].tolist() == [[1, 0], [0, 1]]
    assert (arrays["whole"] == np.float32(1 / 3)).all() and arrays["whole"].dtype == np.float32


@pytest.mark.parametrize(
    ("stored", "said"),
    [
        ({"names": ["cat", "dog"]}, "not a file of scores"),
        ({"names": ["cat", "dog"], "ids": ["a"], "scores": np.ones((2, 2))}, "not a file of scores"),
        (
            {"names": ["cat", "cow"], "ids": ["a"], "scores": np.ones((1, 2))},
            "not the vocabulary's .cow, dog",
        ),
        ({"names": ["dog", "cat"], "ids": ["a"], "scores": np.ones((1, 2))}, "another order"),
    ],
)
def test_what_does_not_fit_is_told(tmp_path, stored, said):
    path = tmp_path / "best.npz"
    np.savez(path, **stored)
    with pytest.raises(InputError, match=rf"best\.npz: .*{said}"):
        read_scores_file(path, ("cat", "dog"))
