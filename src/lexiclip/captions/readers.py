"""Files of human-written captions, or of raw answers, read into one list of texts (METHOD §1).

By ending: .txt (one a line, or Flickr's token files; "[3] ('cat', 'dog')" headers of raw answers are
skipped), .csv and .tsv (a column `caption`), .jsonl (objects) and .json (objects, answers under keys,
MS-COCO's captions or Karpathy's splits).
"""

import re
import reprlib
from pathlib import Path

from lexiclip.errors import InputError
from lexiclip.files import read_json, read_jsonl, read_table, read_text, reading

ANSWER_HEADER = re.compile(r"\[\d+\] \(.*\)\s*$")
FLICKR_LINE = re.compile(r"\S+\.\w+#\d+\t\S")  # Flickr8k.token.txt: a file and a number before the caption
TEXT_KEYS = ("caption", "text", "captions", "answer")


def read_captions(path: str | Path) -> list[str]:
    """Every caption of a file, in order. Raw answers still need `parse_answer`, one string at a time.

    InputError names the file, and the line or key, of what is not a caption.
    """
    path = Path(path)
    readers = {
        ".txt": _text,
        ".token": _text,
        ".csv": _table,
        ".tsv": _table,
        ".jsonl": _json_lines,
        ".json": _json,
    }
    if path.suffix.lower() not in readers:
        raise InputError(f"{path}: captions are read from {', '.join(readers)} files")
    return readers[path.suffix.lower()](path)


def _text(path: Path) -> list[str]:
    lines = [line.strip() for line in read_text(path).splitlines() if line.strip()]
    if lines and all(FLICKR_LINE.match(line) for line in lines):
        return [line.partition("\t")[2] for line in lines]
    if lines and re.fullmatch(r"image(_name)?[,;|\t]caption", lines[0].lower().replace(" ", "")):
        return _table(path)  # Kaggle's Flickr8k calls its table captions.txt
    return [line for line in lines if not ANSWER_HEADER.match(line)]


def _table(path: Path) -> list[str]:
    _, rows = read_table(path, "caption")
    if empty := [line for line, row in rows if not row["caption"].strip()]:
        raise InputError(f"{path}, line {empty[0]}: no caption")
    return [row["caption"] for _, row in rows]


def _json_lines(path: Path) -> list[str]:
    rows = enumerate(read_jsonl(path), start=1)
    return [caption for number, row in rows for caption in _strings(row, f"{path}, row {number}")]


def _json(path: Path) -> list[str]:
    content = read_json(path)
    if isinstance(content, dict) and isinstance(content.get("annotations"), list):  # MS-COCO's captions
        content = content["annotations"]
    elif isinstance(content, dict) and isinstance(content.get("images"), list):  # Karpathy's splits
        with reading(path, "no captions in images[].sentences[].raw"):
            content = [sentence["raw"] for image in content["images"] for sentence in image["sentences"]]
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
