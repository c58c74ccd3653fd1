"""The heat map: readable, the same bytes for the same matrix, others for another."""

import numpy as np
from PIL import Image

from lexiclip.plots import heat_map

NAMES = ("dog", "cat", "kite")


def drawn(path, matrix, names=NAMES):
    heat_map(path, matrix, names, "who is named together")
    return path.read_bytes()


def test_the_same_matrix_gives_the_same_bytes_and_another_others(tmp_path):
    matrix = np.eye(3)
    first, again = drawn(tmp_path / "a.png", matrix), drawn(tmp_path / "made" / "b.png", matrix)
    assert first == again
    assert first != drawn(tmp_path / "c.png", 1 - matrix)
    assert first != drawn(tmp_path / "d.png", matrix, ("dog", "cat", "bird"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "c.png", "d.png", "made"]


def test_high_values_are_dark_and_stand_in_their_row_and_column(tmp_path):
    matrix = np.zeros((20, 20))
    matrix[15, 4] = 1
    drawn(tmp_path / "map.png", matrix, tuple("abcdefghijklmnopqrst"))
    dark = np.asarray(Image.open(tmp_path / "map.png").convert("L")) < 10
    # Only a cell holds nine dark pixels by nine; the colour bar at the right is left out.
    cells = np.lib.stride_tricks.sliding_window_view(dark[:, : dark.shape[1] * 3 // 4], (9, 9)).all((2, 3))
    row, column = (index.mean() / dark.shape[0] for index in np.nonzero(cells))
    assert 0.6 < row < 0.85 and 0.2 < column < 0.45


def test_more_names_take_a_larger_picture(tmp_path):
    sizes = []
    for k in (3, 30):
        path = tmp_path / f"{k}.png"
        drawn(path, np.zeros((k, k)), tuple(f"class {i}" for i in range(k)))
        sizes.append(Image.open(path).size[0])
    assert sizes[1] > 1.5 * sizes[0]
