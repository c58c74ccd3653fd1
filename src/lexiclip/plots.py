"""The pictures of the study that `dvc plots` cannot draw from a table."""

from pathlib import Path

import matplotlib
import numpy as np

from lexiclip.files import atomic_path

matplotlib.use("Agg")
from matplotlib import pyplot as plt


def heat_map(path: str | Path, matrix: np.ndarray, names: tuple[str, ...], title: str) -> None:
    """A PNG of a (K, K) matrix with the class names at both sides."""
    side = 2 + 0.16 * len(names)
    figure, axes = plt.subplots(figsize=(side, side), layout="constrained")
    image = axes.imshow(matrix, cmap="magma_r", interpolation="nearest")
    axes.set_xticks(range(len(names)), names, rotation=90, fontsize=7)
    axes.set_yticks(range(len(names)), names, fontsize=7)
    axes.set_title(title)
    figure.colorbar(image, shrink=0.6)
    with atomic_path(path) as temporary:
        # No date in the file: the same matrix gives the same bytes.
        figure.savefig(temporary, dpi=100, metadata={"Software": None})
    plt.close(figure)
