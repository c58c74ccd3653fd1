"""Files that are written whole or not at all, and what unreadable ones are told."""

import hashlib

import numpy as np
import pytest
from safetensors import SafetensorError
from tests.refusals import refused

from lexiclip.errors import InputError
from lexiclip.files import (
    atomic_folder,
    atomic_path,
    existing,
    read_json,
    read_jsonl,
    read_npz,
    read_table,
    read_yaml,
    write_json,
    write_jsonl,
    write_npz,
)

VALUE = {"café": [1, 2.5, None], "nested": {"a": "b"}}


def everything_in(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def test_what_is_written_is_read(tmp_path):
    write_json(tmp_path / "made" / "value.json", VALUE)
    write_jsonl(tmp_path / "rows.jsonl", [VALUE, {}])
    assert read_json(tmp_path / "made" / "value.json") == VALUE
    assert read_yaml(tmp_path / "made" / "value.json") == VALUE
    assert read_jsonl(tmp_path / "rows.jsonl") == [VALUE, {}]
    assert (tmp_path / "rows.jsonl").read_text(encoding="utf-8").count("\n") == 2
    assert everything_in(tmp_path) == ["made", "made/value.json", "rows.jsonl"]


def test_blank_lines_are_no_rows_but_a_line_separator_is_text(tmp_path):
    (tmp_path / "rows.jsonl").write_text('{"a": "x\u2028y"}\n\n  \n{"b": 2}', encoding="utf-8")
    assert read_jsonl(tmp_path / "rows.jsonl") == [{"a": "x\u2028y"}, {"b": 2}]


def test_characters_may_stand_by_their_escapes_and_aliases_for_values(tmp_path):
    (tmp_path / "a.json").write_text(r'["\ud83d\udc15", "\u00e9"]')
    (tmp_path / "a.yaml").write_text("a: &b [1, 2]\nc: *b\nd: &e {f: 1}\ng: {<<: *e, f: 2}\n")
    assert read_json(tmp_path / "a.json") == ["🐕", "é"]
    assert read_yaml(tmp_path / "a.yaml") == {"a": [1, 2], "c": [1, 2], "d": {"f": 1}, "g": {"f": 2}}


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "weights.safetensors"
    path.write_text("old")
    with pytest.raises(KeyboardInterrupt), atomic_path(path) as temporary:
        temporary.write_text("half")
        raise KeyboardInterrupt
    assert path.read_text() == "old" and everything_in(tmp_path) == [path.name]
    with atomic_path(path) as temporary:
        assert temporary.suffix == path.suffix  # np.savez adds one to any other name
        temporary.write_text("new")
    assert path.read_text() == "new" and everything_in(tmp_path) == [path.name]


def test_a_failed_write_leaves_the_old_folder_and_nothing_else(tmp_path):
    folder = tmp_path / "made" / "scenes"
    for names in (["a", "b"], ["c"]):
        with atomic_folder(folder) as temporary:
            for name in names:
                (temporary / name).touch()
        assert everything_in(folder) == names
    with pytest.raises(KeyboardInterrupt), atomic_folder(folder) as temporary:
        (temporary / "half").touch()
        raise KeyboardInterrupt
    assert everything_in(tmp_path) == ["made", "made/scenes", "made/scenes/c"]


@pytest.mark.parametrize(
    "error", [OSError(28, "No space left on device"), SafetensorError("I/O: No space left on device")]
)
@pytest.mark.parametrize("atomic", [atomic_path, atomic_folder])
def test_what_cannot_be_written_is_named_in_one_line(tmp_path, atomic, error):
    with pytest.raises(InputError) as told, atomic(tmp_path / "made"):
        raise error
    assert str(told.value).startswith(f"{tmp_path}/made: cannot be written (No space left on device): ")
    assert everything_in(tmp_path) == []


@pytest.mark.parametrize(
    ("read", "content", "said"),
    [
        (read_json, None, "cannot be read"),
        (read_json, b"", "the file is empty"),
        (read_json, b"{", "not JSON"),
        (read_json, b"\xff", "not UTF-8 text"),
        (read_json, b"[" * 5000, "not JSON"),
        (read_json, rb'["\ud800"]', "surrogates not allowed"),
        (read_yaml, b"a: [", "not YAML"),
        (read_yaml, b"[" * 5000, "not YAML (while increasing flow level"),
        (read_yaml, b"a: 2001-99-99", "not YAML (month must be"),
        (read_yaml, b"a: !!bool x", "not YAML (KeyError: 'x')"),
        (read_yaml, b"a: 0x" + b"f" * 5000, "not YAML (Exceeds the limit"),
        (read_yaml, b'a: "\\ud800"', "invalid Unicode character"),
        (read_yaml, b"a: &a [*a]", "do its aliases contain themselves?"),
        (read_yaml, b"a: 1\nb: {c: 2}\na: 3\n", ", line 3: key `a` stands twice, first in line 1: keep one"),
        (read_yaml, b"- b: {c: 2, d: [], c: 4}", ", line 1: key `c` stands twice, first in line 1"),
        (read_npz, None, "cannot be read (No such file"),
        (read_npz, b"", "not an npz file"),
        (read_npz, b"\x93NUMPY", "not an npz file"),
        (read_jsonl, b'{}\n\n{"a": 1,\n', "line 3: not JSON"),
        (read_jsonl, b"{}\n[1]\n", "line 2: expected an object, {…}, got [1]"),
    ],
)
def test_an_unreadable_file_is_named_in_one_line(tmp_path, read, content, said):
    path = tmp_path / "given.txt"
    if content is not None:
        path.write_bytes(content)
    with refused(str(path), said):
        read(path)


def test_a_missing_file_of_the_study_says_how_to_come_by_it():
    with refused(
        "data/none.npz: cannot be read (No such file or directory): `dvc pull` fetches what is shared, "
    ):
        read_npz("data/none.npz")


def test_a_missing_file_that_a_param_names_is_told_with_the_param(tmp_path):
    (tmp_path / "mine.csv").touch()
    assert existing(tmp_path / "mine.csv", "wild.file") == tmp_path / "mine.csv"
    with pytest.raises(InputError, match=r"none\.csv: no such file: name one that exists in wild\.file$"):
        existing(tmp_path / "none.csv", "wild.file")


@pytest.mark.parametrize(("between", "named"), [(",", "comma"), (";", "semicolon"), ("\t", "tab")])
def test_a_row_of_too_many_cells_says_what_to_put_in_quotes(tmp_path, between, named):
    path = tmp_path / "table.csv"
    path.write_text(f"image{between}labels\na.png{between}dog{between}cat\n")
    with refused(f"line 2: 3 cells under 2 columns: put a cell that holds a {named}"):
        read_table(path, "image")
    path.write_text(f'image{between}labels\na.png{between}"dog{between}cat"\n')
    assert read_table(path, "image")[1] == [(2, {"image": "a.png", "labels": f"dog{between}cat"})]


def test_excels_line_that_names_the_separator_is_passed_over(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("sep=;\nimage;labels\na, b.png;dog\n", encoding="utf-8-sig")
    assert read_table(path, "image")[1] == [(3, {"image": "a, b.png", "labels": "dog"})]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"image,labels, Labels\na.png,dog,cat\n", "line 1: 2 columns `labels`: keep one"),
        ("image,labels\na.png,caf\u00e9\n".encode("cp1252"), "): save it as UTF-8"),
        (b'image\tcaption\na.png\t"Big" dogs\n', ": put a cell that holds double quotes in"),
        (b" \n", "the file is empty"),
    ],
)
def test_a_broken_table_says_what_to_do(tmp_path, content, said):
    (tmp_path / "t.tsv").write_bytes(content)
    with refused("t.tsv", said):
        read_table(tmp_path / "t.tsv", "image")


def test_npz_bytes_are_the_same_with_every_python(tmp_path):
    """zipfile's own headers of large members changed between two patch releases."""
    arrays = {"names": np.array(["cat", "dög"]), "scores": np.arange(6.0, dtype=np.float32).reshape(2, 3)}
    write_npz(tmp_path / "a.npz", arrays)
    found = read_npz(tmp_path / "a.npz")
    assert list(found) == list(arrays)
    assert all(np.array_equal(found[name], values) for name, values in arrays.items())
    digest = hashlib.sha256((tmp_path / "a.npz").read_bytes()).hexdigest()
    assert digest == "0a77503ba64217ae5841dbeadcb66d611fc27805d32206db756d54519e190407"
