"""Scores of images as one .npz: image ids, class names, and tables of images by classes."""

import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from torch import Tensor

from lexiclip.errors import InputError
from lexiclip.files import atomic_path


def write_scores(
    path: str | Path, ids: Sequence[str], names: Sequence[str], scores: Tensor, **others: Tensor
) -> None:
    """Write `ids`, `names` and `scores` (N, K) as .npz, what `lexiclip evaluate` reads, beside `others`."""
    arrays = {name: values.numpy() for name, values in {"scores": scores, **others}.items()}
    with atomic_path(path) as temporary:
        np.savez(temporary, ids=np.array(ids), names=np.array(names), **arrays)


def read_scores_file(path: str | Path, names: Sequence[str]) -> tuple[list[str], dict[str, np.ndarray]]:
    """Ids and every array of `write_scores`' file. InputError if it is not one, or of other classes."""
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = dict(file)
        ids, scored = arrays.pop("ids").tolist(), arrays.pop("names").tolist()
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile) as error:
        raise InputError(f"{path}: not a file of scores ({error}): run the ensemble stage again") from None
    if scored != list(names):
        odd = sorted(set(scored) ^ set(names))
        raise InputError(
            f"{path}: its classes are not the vocabulary's ({', '.join(odd[:5]) or 'another order'}): "
            "run the score and ensemble stages again"
        )
    return ids, arrays
