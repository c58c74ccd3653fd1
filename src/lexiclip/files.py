"""Reading and writing JSON, JSON lines, YAML, CSV and .npz.

Writes are atomic: a file or folder appears only once complete. Reads that fail name the file in one line.
"""

import codecs
import csv
import io
import json
import os
import re
import shutil
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryFile

import numpy as np
import yaml
from safetensors import SafetensorError

from lexiclip.errors import InputError, cannot_write, did_you_mean

# libyaml's where PyYAML was built with it: ten times faster, half a second for a vocabulary.
SafeLoader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

SEPARATORS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}  # of the cells of a table


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; renamed to `path` if the block succeeds, deleted if it fails.

    InputError if the disk is full or read-only.
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
        with suppress(OSError):  # a read-only disk refuses this, too
            temporary.unlink(missing_ok=True)


@contextmanager
def atomic_folder(path: str | Path) -> Iterator[Path]:
    """Yield an empty folder that replaces the folder `path` once the block succeeds. InputError as above."""
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


def check_writable(path: str | Path, problem: str = "cannot be written") -> None:
    """InputError if nothing can be written beside `path`: known before hours are spent on what goes there."""
    try:
        with TemporaryFile(dir=Path(path).parent):
            pass
    except OSError as error:
        raise InputError(f"{path}: {problem} ({error.strerror})") from None


@contextmanager
def reading(path: object, problem: str = "cannot be read", remedy: str = "") -> Iterator[None]:
    """Turn what the block raises into InputErrors "path: problem (reason): remedy"; an InputError passes.

    Readers raise anything on a damaged file: KeyError for `!!bool x`, SystemError from zipfile. Of a missing
    file of the study it is said how to come by it.
    """
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        problem = "cannot be read" if isinstance(error, OSError) and error.strerror else problem
        if isinstance(error, FileNotFoundError) and str(path).startswith(("data/", "models/", "metrics/")):
            remedy = "`dvc pull` fetches what is shared, `dvc repro` makes the rest"
        said = " ".join(str(error).split())
        kind = f"{type(error).__name__}: " if isinstance(error, LookupError) or not said else ""
        reason = getattr(error, "strerror", None) or f"{kind}{said}".removesuffix(": ")
        raise InputError(": ".join(filter(None, [str(path), f"{problem} ({reason:.160})", remedy]))) from None


def existing(path: str | Path, param: str) -> Path:
    """`path`, which a param or an option names. InputError says so if there is no such file."""
    if not Path(path).is_file():
        raise InputError(f"{path}: no such file: name one that exists in {param}")
    return Path(path)


def read_text(path: str | Path) -> str:
    """The text of a UTF-8 file, or of a UTF-16 one with a byte order mark, which is left out.

    InputError names a file that cannot be read.
    """
    with reading(path):
        content = Path(path).read_bytes()
    wide = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    with reading(path, "not UTF-8 text", "save it as UTF-8"):
        text = content.decode("utf-16" if wide else "utf-8-sig")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def read_table(path: str | Path, needed: str) -> tuple[list[str], list[tuple[int, dict[str, str]]]]:
    """Columns and rows (line, {column: text}) of a table; commas, semicolons, tabs or bars between the cells.

    Column names are taken without spaces around them and in lower case; empty rows and Excel's first line
    `sep=;` are skipped. InputError names the line of a row with too many cells, or says that the column
    `needed` is missing.
    """
    text = read_text(path)
    if not text.strip():
        raise InputError(f"{path}: the file is empty")
    header = text.partition("\n")[0]
    told = re.fullmatch("sep=(.)", header.strip('" '))
    between = told[1] if told else max(SEPARATORS, key=header.count)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=between, strict=True)
    found = []
    try:
        if told:
            next(rows)
        columns = [name.strip().lower() for name in next(rows, [])]
        if needed not in columns:
            listed = ", ".join(column + did_you_mean(column, [needed]) for column in columns) or "none"
            raise InputError(f"{path}, line 1: no column `{needed}` among {listed}")
        if twice := [name for name in columns if name and columns.count(name) > 1]:
            raise InputError(f"{path}, line 1: {columns.count(twice[0])} columns `{twice[0]}`: keep one")
        for cells in rows:
            if len(cells) > len(columns):
                raise InputError(
                    f"{path}, line {rows.line_num}: {len(cells)} cells under {len(columns)} columns: put a "
                    f"cell that holds a {SEPARATORS.get(between, between)} in double quotes"
                )
            if any(map(str.strip, cells)):
                row = dict(zip(columns, cells + [""] * (len(columns) - len(cells)), strict=True))
                found.append((rows.line_num, row))
    except csv.Error as error:
        raise InputError(
            f"{path}, line {rows.line_num}: not CSV ({error}): put a cell that holds double quotes in double "
            'quotes, each inside twice: "a ""big"" dog"'
        ) from None
    return columns, found


def read_json(path: str | Path) -> object:
    """The content of a JSON file. InputError names the file if it is missing or malformed."""
    return _parsed_json(read_text(path), path)


def read_yaml(path: str | Path) -> object:
    """The content of a YAML file. InputError names it if it is missing, malformed or has a key twice."""
    # PyYAML raises anything: KeyError for `!!bool x`, ValueError for 2001-99-99
    with reading(path, "not YAML"):
        loader = SafeLoader(read_text(path))
        try:
            root = loader.get_single_node()
            _check_keys(root, path)
            content = None if root is None else loader.construct_document(root)
        finally:
            loader.dispose()
        _check_tree(content)
    return content


def write_npz(path: str | Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write arrays as .npz. Unlike numpy's own, the bytes are the same with every release of Python."""
    with atomic_path(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for name, values in arrays.items():
            content = io.BytesIO()
            np.lib.format.write_array(content, values, allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), content.getvalue())


def read_npz(path: str | Path) -> dict[str, np.ndarray]:
    """The arrays of an .npz file. InputError names the file if it is missing, malformed or holds objects."""
    # numpy and zipfile raise anything: TokenError, OverflowError, SystemError
    with reading(path, "not an npz file of plain arrays"):
        with np.load(path, allow_pickle=False) as file:
            arrays = dict(file)
        for array in arrays.values():
            if array.dtype.kind == "U":
                array.tolist()  # here numpy finds what is no character
    return arrays


def read_jsonl(path: str | Path) -> list[dict]:
    """The rows of a JSON-lines file; blank lines are skipped. InputError names file and line."""
    rows = []
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        if line.strip():
            place = f"{path}, line {number}"
            row = _parsed_json(line, place)
            if not isinstance(row, dict):
                raise InputError(f"{place}: expected an object, {{…}}, got {row!r:.60}")
            rows.append(row)
    return rows


def write_json(path: str | Path, value: object) -> None:
    """Write `value` as indented JSON with a final newline."""
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def write_jsonl(path: str | Path, rows: Iterable[dict]) -> None:
    """Write one JSON object per line; a blank line if there are none, since DVC warns of empty files."""
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
        if file.tell() == 0:
            file.write("\n")


def write_csv(path: str | Path, rows: Sequence[dict], columns: Sequence[str] | None = None) -> None:
    """Write rows under a header of `columns`, or of the first row's keys."""
    with atomic_path(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(columns or rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def _parsed_json(text: str, place: object) -> object:
    with reading(place, "not JSON"):
        if not text.strip():
            raise InputError(f"{place}: the file is empty")
        value = json.loads(text)
        # The escape of half a surrogate pair is no text: it cannot be written again.
        if "\\ud" in text.lower():
            json.dumps(value, ensure_ascii=False).encode()
        return value


def _check_keys(root: yaml.Node | None, path: str | Path) -> None:
    """InputError for a mapping with a key twice, of which YAML's own loader keeps the last without a word."""
    waiting, seen = [root], set()
    while waiting:
        node = waiting.pop()
        if not isinstance(node, yaml.CollectionNode) or id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            waiting += node.value
            continue
        lines: dict[tuple, int] = {}
        for key, value in node.value:
            waiting += [key, value]
            spelt, line = (key.tag, str(key.value)), key.start_mark.line + 1
            if spelt in lines:
                twice = f"key `{key.value}` stands twice, first in line {lines[spelt]}: keep one"
                raise InputError(f"{path}, line {line}: {twice}")
            lines[spelt] = line


def _check_tree(content: object) -> None:
    """ValueError for aliases that contain themselves, and for scalars that cannot be encoded."""
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
