"""Files of human-written captions, or of raw answers, read into one list of texts (METHOD §1).

By ending: .txt (one a line; "[3] ('cat', 'dog')" headers of raw answers are skipped), .csv (a column
`caption`), .jsonl (objects) and .json (objects, or answers under keys).
"""

import csv
import re
import reprlib
from pathlib import Path

from lexiclip.errors import InputError
from lexiclip.files import read_json, read_jsonl, read_text

ANSWER_HEADER = re.compile(r"\[\d+\] \(.*\)\s*$")
TEXT_KEYS = ("caption", "text", "captions", "answer")


def read_captions(path: str | Path) -> list[str]:
    """Every caption of a file, in order. Raw answers still need `parse_answer`, one string at a time.

    InputError names the file, and the line or key, of what is not a caption.
    """
    path = Path(path)
    readers = {".txt": _text, ".csv": _table, ".jsonl": _json_lines, ".json": _json}
    if path.suffix.lower() not in readers:
        raise InputError(f"{path}: captions are read from {', '.join(readers)} files")
    return readers[path.suffix.lower()](path)


def _text(path: Path) -> list[str]:
    lines = (line.strip() for line in read_text(path).splitlines())
    return [line for line in lines if line and not ANSWER_HEADER.match(line)]


def _table(path: Path) -> list[str]:
    rows = csv.DictReader(read_text(path).splitlines(keepends=True), strict=True)
    captions = []
    try:
        if "caption" not in (rows.fieldnames or []):
            raise InputError(f"{path}, line 1: no column `caption` among {', '.join(rows.fieldnames or [])}")
        for row in rows:
            if not row["caption"]:
                raise InputError(f"{path}, line {rows.line_num}: no caption")
            captions.append(row["caption"])
    except csv.Error as error:
        raise InputError(f"{path}, line {rows.reader.line_num}: not CSV ({error})") from None
    return captions


def _json_lines(path: Path) -> list[str]:
    rows = enumerate(read_jsonl(path), start=1)
    return [caption for number, row in rows for caption in _strings(row, f"{path}, row {number}")]


def _json(path: Path) -> list[str]:
    content = read_json(path)
    if isinstance(content, dict) and not content.keys() & set(TEXT_KEYS):
        parts = content.items()  # the answers for each class set under its index
    else:
        parts = enumerate(content if isinstance(content, list) else [content])
    return [caption for key, part in parts for caption in _strings(part, f"{path}, key {key}")]


def _strings(value: object, place: str) -> list[str]:
    if isinstance(value, dict):
        key = next((key for key in TEXT_KEYS if key in value), None)
        if key is None:
            raise InputError(f"{place}: no {' or '.join(TEXT_KEYS)} among {', '.join(value) or 'its keys'}")
        value = value[key]
    strings = [value] if isinstance(value, str) else value
    if not isinstance(strings, list) or not all(isinstance(string, str) for string in strings):
        raise InputError(f"{place}: expected a caption or a list of captions, got {reprlib.repr(value)}")
    return strings
