"""Scores of every view on disk, shard by shard: the pass writes them, fusion reads one variant at a time.

A view is the whole image or a window. `scores_00000.safetensors`, ... hold fp16 scores of n images each: for
variant v "v.global" and "v.local" (n, 1+W, K), where v has captions also "v.retrieved" (n, 1+W, K) and
"v.sims" (n, 1+W), the whole image first. `index.json` lists the shards and what they were scored with.
"""

import json
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from lexiclip.errors import InputError
from lexiclip.files import atomic_path, read_json, reading


class WindowScores(NamedTuple):
    """One variant's fp16 scores of N images, the whole image first, then W windows.

    With retrieval the global score is (global_ + retrieved) / 2; without, `retrieved` and `sims` are None.
    """

    ids: list[str]
    global_: np.ndarray  # (N, 1+W, K)
    local: np.ndarray  # (N, 1+W, K)
    retrieved: np.ndarray | None  # (N, 1+W, K) global score of the mean of the 10 nearest captions
    sims: np.ndarray | None  # (N, 1+W) mean cosine of the 10


def read_index(folder: str | Path, names: Sequence[str] | None = None) -> dict:
    """The settings that the scores of a folder were made with, and under "shards" the ids of their images.

    InputError if there is none, or if other classes than `names` were scored.
    """
    index = read_json(Path(folder, "index.json"))
    if not (
        isinstance(index, dict)
        and {"shards", "variants", "names", "scales", "shapes"} <= set(index)
        and isinstance(index["shards"], list)
        and all(_are_texts(texts) for texts in [index["variants"], index["names"], *index["shards"]])
    ):
        raise InputError(f"{folder}/index.json: not an index of scores: score the images again")
    if names is not None and index["names"] != list(names):
        odd = sorted(set(index["names"]) ^ set(names))
        raise InputError(
            f"{folder}: scores of {len(index['names'])} classes, the vocabulary has {len(names)} "
            f"({'differing: ' + ', '.join(odd[:5]) if odd else 'in another order'}): score the images again"
        )
    return index


def read_shards(folder: str | Path, variant: str) -> Iterator[WindowScores]:
    """The scores of one variant, shard by shard, in the order of the images.

    InputError for an unknown variant, or a shard that is missing or from a run with other settings.
    """
    settings = read_index(folder)
    shards = settings.pop("shards")
    if variant not in settings["variants"]:
        has = ", ".join(settings["variants"])
        raise InputError(f"{folder}: no scores of variant {variant!r}: it has {has} (score the images again)")
    if not any(shards):
        raise InputError(f"{folder}/index.json: no image has scores: score the images again")
    for i, of_shard in enumerate(shards):
        path = shard_path(folder, i)
        with reading(path, "missing or damaged", "score the images again, the rest is kept"):
            tensors, metadata = _read_shard(path, variant)
            ids = metadata.pop("ids", [])
        if metadata != settings or not _are_texts(ids) or not set(ids) <= set(of_shard):
            raise InputError(f"{path}: of another run than index.json: score the images again")
        if not ids:  # every image of the shard was unreadable
            continue
        found = WindowScores(ids, *(tensors.get(key) for key in ("global", "local", "retrieved", "sims")))
        if not _fits(found, len(settings["names"])):
            raise InputError(f"{path}: not the scores of its images: score the images again")
        yield found


def read_ids(folder: str | Path) -> list[str]:
    """The ids of the images that have scores, in their order."""
    return [i for shard in read_shards(folder, read_index(folder)["variants"][0]) for i in shard.ids]


def publish(partial: str | Path, folder: str | Path) -> None:
    """Rename the folder of finished scores; files of a killed run or a longer list of images are removed."""
    partial, folder = Path(partial), Path(folder)
    shards = range(len(read_index(partial)["shards"]))
    kept = {Path(partial, "index.json"), *(shard_path(partial, i) for i in shards)}
    for path in set(partial.iterdir()) - kept:
        path.unlink()
    if folder.exists():
        shutil.rmtree(folder)
    partial.rename(folder)


def shard_path(folder: str | Path, i: int) -> Path:
    """The file of shard i."""
    return Path(folder, f"scores_{i:05d}.safetensors")


def write_shard(path: Path, tensors: dict[str, np.ndarray], metadata: dict) -> None:
    """Write the scores of a shard; `metadata` holds its ids and what they were scored with."""
    with atomic_path(path) as temporary:  # one metadata key: safetensors writes several in any order
        save_file(tensors, temporary, {"lexiclip": json.dumps(metadata)})


def is_done(folder: str | Path, i: int, settings: dict, ids: list[str]) -> bool:
    """True if the shard holds all its images under these settings; one that lacks images is tried again."""
    try:
        with safe_open(shard_path(folder, i), "np") as file:
            return json.loads(file.metadata()["lexiclip"]) == {**settings, "ids": ids}
    except (OSError, SafetensorError, KeyError, TypeError, ValueError):
        return False


def _are_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(text, str) for text in value)


def _fits(scores: WindowScores, classes: int) -> bool:
    """True if the tensors have the shapes given in WindowScores."""
    ids, *tensors = scores
    global_, local, retrieved, sims = (None if tensor is None else tensor.shape for tensor in tensors)
    if global_ is None or len(global_) != 3 or (global_[0], global_[2]) != (len(ids), classes):
        return False
    return local == global_ and (retrieved, sims) in [(None, None), (global_, global_[:2])]


def _read_shard(path: Path, variant: str) -> tuple[dict[str, np.ndarray], dict]:
    """The tensors of one variant by field, and the shard's settings with its ids."""
    prefix = f"{variant}."
    with safe_open(path, "np") as file:
        keys = [key for key in file.keys() if key.startswith(prefix)]  # noqa: SIM118 (not a dict)
        tensors = {key.removeprefix(prefix): file.get_tensor(key) for key in keys}
        return tensors, json.loads(file.metadata()["lexiclip"])
