"""Scores of images written and read back, and files that do not fit."""

import numpy as np
import pytest

from lexiclip.errors import InputError
from lexiclip.evaluation.scores_file import read_scores_file, write_scores


def test_written_and_read_back(tmp_path):
    path = tmp_path / "best.npz"
    write_scores(path, ["b", "a"], ("cat", "dog"), np.eye(2), whole=np.full((2, 2), 1 / 3))
    ids, arrays = read_scores_file(path, ("cat", "dog"))
    assert ids == ["b", "a"] and list(arrays) == ["scores", "whole"]
    assert arrays["scores"].tolist() == [[1, 0], [0, 1]]
    assert (arrays["whole"] == np.float32(1 / 3)).all() and arrays["whole"].dtype == np.float32


def test_what_does_not_fit_is_told(tmp_path):
    path = tmp_path / "best.npz"
    write_scores(path, ["a"], ("cat", "dog"), np.ones((1, 2)))
    with pytest.raises(InputError, match=r"best\.npz: its classes are not the vocabulary's .cow, dog"):
        read_scores_file(path, ("cat", "cow"))
    with pytest.raises(InputError, match="another order"):
        read_scores_file(path, ("dog", "cat"))
    np.savez(path, scores=np.ones((1, 2)))
    with pytest.raises(InputError, match=r"best\.npz: not a file of scores"):
        read_scores_file(path, ("cat", "dog"))
    np.savez(path, ids=["a"], names=["cat", "dog"], scores=np.ones((2, 2)))
    with pytest.raises(InputError, match=r"best\.npz: not a file of scores"):
        read_scores_file(path, ("cat", "dog"))
    path.write_bytes(b"nothing")
    with pytest.raises(InputError, match=r"best\.npz: not an npz file"):
        read_scores_file(path, ("cat", "dog"))
    with pytest.raises(InputError, match=r"none\.npz: cannot be read"):
        read_scores_file(tmp_path / "none.npz", ("cat", "dog"))
