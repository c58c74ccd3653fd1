"""Co-occurrence against the reference's numbers, a double loop and small cases."""

import numpy as np

from lexiclip.scoring.cooccurrence import cooccurrence, modulate, row_normalised


def slow_cooccurrence(labels: np.ndarray) -> np.ndarray:
    classes = labels.shape[1]
    result = np.zeros((classes, classes))
    for i in range(classes):
        for j in range(classes):
            naming_i = [row for row in labels if row[i]]
            if i != j and naming_i:
                result[i, j] = sum(row[j] for row in naming_i) / len(naming_i)
    return result


def test_golden(shared_files):
    for path in shared_files("golden/golden_*.npz"):
        golden = np.load(path)
        matrix = row_normalised(golden["co_counts"] / golden["co_nums"][:, None])
        adjusted = modulate(golden["co_raw"], matrix)
        np.testing.assert_allclose(adjusted, golden["co_adjusted"], rtol=1e-4)


def test_worked_by_hand():
    labels = np.array([[1, 1, 0], [1, 0, 0], [1, 1, 0], [1, 0, 0]])
    assert cooccurrence(labels).tolist() == [[0, 0.5, 0], [1, 0, 0], [0, 0, 0]]
    matrix = row_normalised(np.array([[0.0, 0.2, 0.6], [0.0, 0.0, 0.0], [1.0, 0.0, 0.0]]))
    np.testing.assert_allclose(matrix, [[0, 0.25, 0.75], [0, 0, 0], [1, 0, 0]])
    local = np.array([[[1.0, 2.0]]])
    assert modulate(local, np.array([[0.0, 1.0], [0.0, 0.0]])).tolist() == [[[1.0, 2.5]]]
    assert local.tolist() == [[[1.0, 2.0]]], "the caller's logits are left as they are"


def test_counts_are_those_of_loops():
    labels = (np.random.default_rng(0).random((60, 7)) < 0.3).astype(np.int8)
    np.testing.assert_allclose(cooccurrence(labels), slow_cooccurrence(labels))
