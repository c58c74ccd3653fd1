"""What a fuzzed reader is: a small good input, how to read it, how many broken ones to try."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

NAMES = ("cat", "dog", "hot dog")
INSTANCES = {
    "images": [{"id": 7, "file_name": "a.jpg"}, {"id": 9, "file_name": "b.jpg"}],
    "categories": [{"id": 1, "name": "cat"}, {"id": 18, "name": "dog"}, {"id": 24, "name": "hot dog"}],
    "annotations": [{"image_id": 7, "category_id": 18}, {"image_id": 9, "category_id": 1, "iscrowd": 1}],
}


class Reader(NamedTuple):
    """`make` writes a good input into a folder, `read` reads and uses it; `count` inputs are tried.

    `broken` is a pattern of the files that are broken, one at a time; the others lie beside them.
    """

    make: Callable[[Path], object]
    read: Callable[[Path], object]
    count: int
    broken: str = "*"


def file_of(name: str, content: object) -> Callable[[Path], None]:
    """What writes one file: text or bytes as they are, other values as JSON."""
    if not isinstance(content, str | bytes):
        content = json.dumps(content)

    def write(folder: Path) -> None:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)

    return write


def all_of(*writers: Callable[[Path], object]) -> Callable[[Path], None]:
    """What writes several files."""

    def write(folder: Path) -> None:
        for writer in writers:
            writer(folder)

    return write


def one_file(name: str, content: object, read: Callable[[Path], object], count: int) -> Reader:
    """The reader of a single file."""
    return Reader(file_of(name, content), lambda folder: read(folder / name), count)
