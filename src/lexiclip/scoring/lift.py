"""Which classes unlabelled images show together: probabilities in, moved scores out (METHOD §6).

The lift of two classes is how much more often they share an image than they would by chance.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from lexiclip.files import read_npz, reading, write_npz
from lexiclip.scoring.decisions import default_rule, probabilities
from lexiclip.scoring.fusion import standardise

WEIGHT = 0.3  # chosen on development scenes (docs/results.md)


def log_lift(likely: np.ndarray) -> np.ndarray:
    """log lift (K, K), its diagonal zero, from the probability (N, K) of each class in each image.

    One image is added to each count, which keeps rare pairs near zero.
    """
    together, of_class = likely.T @ likely, likely.sum(0)
    by_chance = np.outer(of_class, of_class) / len(likely)
    lift = np.log((together + 1) / (by_chance + 1))
    np.fill_diagonal(lift, 0)
    return lift


def with_lift(scores: np.ndarray, lift: np.ndarray) -> np.ndarray:
    """Scores (..., K), standardised, then moved by the classes that the same image probably shows."""
    scores = standardise(np.asarray(scores, np.float64))
    return scores + WEIGHT * likely_classes(scores) @ lift


def likely_classes(scores: np.ndarray) -> np.ndarray:
    """Probabilities (..., K) of scores (..., K), by the rule that fits any of the variants."""
    return probabilities(scores, default_rule(scores.shape[-1]))


def write_lift(path: str | Path, lift: np.ndarray, names: Sequence[str]) -> None:
    """Write the lift (K, K) of the classes `names` as .npz, in float16."""
    write_npz(path, {"names": np.array(names), "log_lift": lift.astype(np.float16)})


def read_lift(path: str | Path, names: Sequence[str]) -> np.ndarray:
    """The stored log lift (K, K) of the classes `names`, zero for others. InputError if it is damaged."""
    with reading(path, "cannot be read as the lift of classes", "run `dvc repro prototypes`"):
        arrays = read_npz(path)
        place = {name: row for row, name in enumerate(arrays["names"].tolist())}
        stored = arrays["log_lift"].astype(np.float64)
        if stored.shape != (len(place), len(place)):
            raise ValueError(f"{stored.shape} is no matrix of {len(place)} classes")
        if not np.isfinite(stored).all():
            raise ValueError("a lift that is not finite")
    known = [k for k, name in enumerate(names) if name in place]
    rows = [place[names[k]] for k in known]
    lift = np.zeros((len(names), len(names)))
    lift[np.ix_(known, known)] = stored[np.ix_(rows, rows)]
    return lift
