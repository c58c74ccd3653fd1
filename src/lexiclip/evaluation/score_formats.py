"""Scores files in, as this project, COCO's tools and numpy write them; a table (N, K) and its names out.

.npz, .json   `scores` (N, K) with `ids` (N) and `names` (K)
.npy, .json   the table (N, K) alone, as .npz with one array
.jsonl        lines of `lexiclip predict --json`: image, labels, and as scores their probabilities
.json         COCO's results, a list of image_id, category_id and score: the highest of a pair counts
"""

import sys
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from lexiclip.errors import InputError
from lexiclip.files import read_json, read_jsonl, read_npz, reading
from lexiclip.images.coco import id_text
from lexiclip.vocabulary import bare

READ = (
    ".npz or .json with `scores`, `ids` and `names`, a bare table (.npy, .json), lines of `lexiclip predict "
    "--json` (.jsonl), and COCO's results .json"
)


class Scores(NamedTuple):
    """A table (N, K), the ids of its images and the names of its classes, None where the file has none.

    `results`: COCO's, where `names` are category ids, and what is not listed was not found.
    """

    table: np.ndarray
    ids: list[str] | None
    names: list[str] | None
    results: bool = False


def read_scores(path: str | Path) -> Scores:
    """The scores of a file of any form above. InputError names what is read."""
    ending = Path(path).suffix.lower()
    with reading(path):
        if not Path(path).stat().st_size:
            raise InputError(f"{path}: the file is empty: scores are read from {READ}")
    if ending == ".npz":
        content: Any = read_npz(path)
        if len(content) == 1:  # savez without a name calls it arr_0
            content = {"scores": next(iter(content.values()))}
    elif ending == ".npy":
        with reading(path, "not a .npy file of numbers"):
            content = {"scores": np.load(path, allow_pickle=False)}
    elif ending in (".json", ".jsonl"):
        content = _json(path, ending)
    else:
        raise InputError(f"{path}: scores are read from {READ}")
    if isinstance(content, dict) and "image" in content:
        content = [content]  # one photo of `lexiclip predict --json`
    if isinstance(content, list) and content and isinstance(content[0], dict):
        return _listed(content, path)
    stored = content if isinstance(content, dict) else {"scores": content}
    if "scores" not in stored:
        raise InputError(f"{path}: no `scores`: read are {READ}")
    with reading(path, "`scores` must be a table of numbers, images by classes"):
        table = np.asarray(stored["scores"], dtype=np.float64)
    if not table.size:
        raise InputError(f"{path}: no scores in it: scores are read from {READ}")
    return Scores(table, _texts(stored, "ids", path), _texts(stored, "names", path))


def _json(path: str | Path, ending: str) -> object:
    if ending == ".jsonl":
        return read_jsonl(path)
    try:
        return read_json(path)
    except InputError:
        with suppress(InputError):
            return read_jsonl(path)  # `lexiclip predict --json > scores.json`
        raise


def _listed(content: list[dict], path: str | Path) -> Scores:
    """The table of listed pairs: the highest score of each, below all others where none is listed."""
    results = "image_id" in content[0]
    expected = "image_id, category_id and score" if results else "image, labels and as many scores"
    with reading(path, f"expected {expected} in each entry"):
        if results:
            pairs = [(id_text(x["image_id"]), id_text(x["category_id"]), float(x["score"])) for x in content]
        else:
            pairs = [
                (str(x["image"]), str(name), float(score))
                for x in content
                for name, score in zip(x["labels"], x.get("probabilities", x["scores"]), strict=True)
            ]
        ids, names = (dict.fromkeys(pair[part] for pair in pairs) for part in (0, 1))
    row_of, column_of = ({key: k for k, key in enumerate(keys)} for keys in (ids, names))
    where = [row_of[image] for image, *_ in pairs], [column_of[name] for _, name, _ in pairs]
    lowest = min([0.0, *(score for *_, score in pairs)])
    table = np.full((len(ids), len(names)), lowest)
    np.maximum.at(table, where, [score for *_, score in pairs])
    if not results and len(set(zip(*where, strict=True))) < table.size:
        note(f"{path}: labels that a photo lacks and others have count as {lowest} there")
    return Scores(table, list(ids), list(names), results)


def _texts(stored: dict, key: str, path: str | Path) -> list[str] | None:
    if key not in stored:
        return None
    with reading(path, f"`{key}` must be a list"):
        texts = list(map(id_text, np.asarray(stored[key], dtype=object).tolist()))
        compared = [bare(text) for text in texts] if key == "names" else texts
    value, times = Counter(compared).most_common(1)[0] if texts else ("", 0)
    if times > 1:
        raise InputError(f"{path}: {value!r} is {times} times in `{key}`")
    return texts


def note(text: str) -> None:
    """Say on stderr what was guessed or left out."""
    print(f"note: {text}", file=sys.stderr)
