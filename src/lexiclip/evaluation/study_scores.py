"""Scores of images as one .npz: image ids, class names, and tables of images by classes."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from lexiclip.errors import InputError
from lexiclip.files import read_npz, write_npz


def write_scores(
    path: str | Path, ids: Sequence[str], names: Sequence[str], scores: np.ndarray, **others: np.ndarray
) -> None:
    """Write `ids`, `names` and `scores` (N, K) as .npz, what `lexiclip evaluate` reads, beside `others`.

    Scores become float32: in the digits left out one processor differs from another.
    """
    arrays = {name: values.astype(np.float32) for name, values in {"scores": scores, **others}.items()}
    write_npz(path, {"ids": np.array(ids), "names": np.array(names), **arrays})


def read_scores_file(path: str | Path, names: Sequence[str]) -> tuple[list[str], dict[str, np.ndarray]]:
    """Ids and every array of `write_scores`' file. InputError if it is not one, or of other classes."""
    arrays = read_npz(path)
    lists = [arrays.pop(key, np.empty(0)) for key in ("ids", "names")]
    if "scores" not in arrays or not _is_table_of(*lists, arrays):
        raise InputError(f"{path}: not a file of scores: run the ensemble stage again")
    ids, scored = (values.tolist() for values in lists)
    if scored != list(names):
        odd = sorted(set(scored) ^ set(names))
        raise InputError(
            f"{path}: its classes are not the vocabulary's ({', '.join(odd[:5]) or 'another order'}): "
            "run the score and ensemble stages again"
        )
    return ids, arrays


def _is_table_of(ids: np.ndarray, names: np.ndarray, tables: dict[str, np.ndarray]) -> bool:
    return all(values.ndim == 1 and values.dtype.kind == "U" for values in (ids, names)) and all(
        table.shape == (len(ids), len(names)) and table.dtype.kind == "f" for table in tables.values()
    )
