"""The counts that the stage filter wrote of each caption set in, a table and bars of classes out."""

from collections.abc import Sequence
from pathlib import Path

from lexiclip.errors import InputError
from lexiclip.files import read_json


def read_statistics(sets: Sequence[str], folder: str | Path = "metrics/captions") -> dict[str, dict]:
    """The counts of each set of which anything was asked. InputError names a file without them."""
    found = {}
    for caption_set in sets:
        counts = read_json(Path(folder) / f"{caption_set}.json")
        if not isinstance(counts, dict) or not {"asked", "left_after", "per_class"} <= set(counts):
            raise InputError(
                f"{folder}/{caption_set}.json: not the counts of a caption set: run filter again"
            )
        if counts["asked"]:
            found[caption_set] = counts
    return found


def dropped_by_rule(counts: dict) -> dict[str, int]:
    """How many captions each rule and judge took away, those that took none left out."""
    left, dropped = counts["parsed"], {}
    for rule, after in counts["left_after"].items():
        if after < left:
            dropped[rule] = left - after
        left = after
    return dropped


def captions_of_classes(statistics: dict[str, dict], sets: Sequence[str]) -> list[tuple[str, dict[str, int]]]:
    """Each class and the captions that name it in each of `sets`, the class with most captions first."""
    counted = {caption_set: statistics[caption_set]["per_class"] for caption_set in sets}
    names = list(dict.fromkeys(name for of_set in counted.values() for name in of_set))
    classes = [
        (name, {caption_set: of_set[name] for caption_set, of_set in counted.items()}) for name in names
    ]
    return sorted(classes, key=lambda of_class: -sum(of_class[1].values()))
