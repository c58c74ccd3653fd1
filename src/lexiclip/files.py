"""Reading and writing JSON, JSON lines, YAML and .npz; what is written gets its name when it is whole."""

import csv
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import yaml
from safetensors import SafetensorError

from lexiclip.errors import InputError, cannot_write, reason_of

# libyaml's where PyYAML was built with it: ten times faster, half a second for a vocabulary.
SafeLoader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; renamed to `path` if the block succeeds, deleted if it fails.

    InputError if the disk is full or not to be written.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.tmp{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        temporary.replace(path)
    except (OSError, SafetensorError) as error:
        raise cannot_write(path, error) from None
    finally:
        with suppress(OSError):  # a disk that is not to be written refuses this, too
            temporary.unlink(missing_ok=True)


@contextmanager
def atomic_folder(path: str | Path) -> Iterator[Path]:
    """Yield an empty folder that replaces `path` and all that was in it once the block succeeds.

    InputError if the disk is full or not to be written.
    """
    path = Path(path)
    beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    shutil.rmtree(beside, ignore_errors=True)  # a killed run of the same number left it
    try:
        (beside / "new").mkdir(parents=True)
        yield beside / "new"
        if path.exists():
            path.rename(beside / "old")
        (beside / "new").rename(path)
    except (OSError, SafetensorError) as error:
        raise cannot_write(path, error) from None
    finally:
        shutil.rmtree(beside, ignore_errors=True)


@contextmanager
def reading(path: str | Path, remedy: str = "", problem: str = "cannot be read") -> Iterator[None]:
    """Turn whatever the block raises into an InputError of one line: "PATH: PROBLEM (reason): REMEDY".

    Readers raise anything on damaged files, from OSError to KeyError. An InputError passes as it is.
    """
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        advice = f": {remedy}" if remedy else ""
        raise InputError(f"{path}: {problem} ({reason_of(error, 160)}){advice}") from None


def read_json(path: str | Path) -> object:
    """The content of a JSON file. InputError names the file if it is missing or malformed."""
    try:
        return _parsed_json(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: not JSON ({error})") from None


def read_yaml(path: str | Path) -> object:
    """The content of a YAML file. InputError names the file if it is missing or malformed."""
    try:
        content = yaml.load(Path(path).read_text(encoding="utf-8"), SafeLoader)
        _check_tree(content)
    except Exception as error:  # PyYAML raises anything: KeyError for `!!bool x`, ValueError for 2001-99-99
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"{path}: cannot be read ({reason})") from None
    return content


def read_npz(path: str | Path) -> dict[str, np.ndarray]:
    """The arrays of an .npz file. InputError names the file if it is missing, malformed or holds objects."""
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = dict(file)
        for array in arrays.values():
            if array.dtype.kind == "U":
                array.tolist()  # here numpy finds what is no character
    except Exception as error:  # numpy and zipfile raise anything: TokenError, OverflowError, SystemError
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"{path}: not an npz file of plain arrays ({reason})") from None
    return arrays


def write_json(path: str | Path, value: object) -> None:
    """Write `value` as indented JSON with a final newline."""
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def read_jsonl(path: str | Path) -> list[dict]:
    """The rows of a JSON-lines file; blank lines are passed over. InputError names file and line."""
    rows = []
    try:
        lines = Path(path).read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read ({error})") from None
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row = _parsed_json(line)
        except (ValueError, RecursionError) as error:
            raise InputError(f"{path}, line {number}: not JSON ({error})") from None
        if not isinstance(row, dict):
            raise InputError(f"{path}, line {number}: expected a JSON object, got {type(row).__name__}")
        rows.append(row)
    return rows


def write_jsonl(path: str | Path, rows: Iterable[dict]) -> None:
    """Write one JSON object a line; a blank line if there is none, since DVC warns of empty files."""
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
        if file.tell() == 0:
            file.write("\n")


def write_csv(path: str | Path, rows: Sequence[dict], columns: Sequence[str] | None = None) -> None:
    """Write rows that have the same keys, under a heading of these keys, or of `columns`."""
    with atomic_path(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(columns or rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def _parsed_json(text: str) -> object:
    value = json.loads(text)
    if "\\ud" in text.lower():  # half a character, by its escape, is no text: it can be written nowhere
        json.dumps(value, ensure_ascii=False).encode()
    return value


def _check_tree(content: object) -> None:
    """ValueError where aliases unfold without end, and for scalars that cannot be written out again."""
    waiting, seen = [content], 0
    while waiting:
        value = waiting.pop()
        seen += 1
        if seen > 1_000_000:
            raise ValueError("over a million values: do its aliases contain themselves?")
        if isinstance(value, dict):
            waiting += [*value, *value.values()]
        elif isinstance(value, list | tuple | set):
            waiting += value
        else:
            str(value).encode()
