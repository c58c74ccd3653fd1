"""Broken inputs by the thousand: bytes and structures of a good file, changed by a seeded generator."""

import copy
import io
import json
import random
import re
import zipfile

import torch

# fmt: off
# What readers trip over: other encodings, huge or odd numbers, endless nesting, references, foreign headers.
TOKENS = [
    b"", b"\0", b"\xff\xfe", b"\xef\xbb\xbf", b"\x80", b"\r", b"\n", b"\n\n", b"\t", b" " * 40, b"\x1b[2J",
    b"{", b"}", b"[", b"]", b'"', b"'", b"\\", b",", b":", b";", b"- ", b"# ", b"|", b"? ", b"!", b"&", b"*",
    b"[" * 3000, b'{"a":' * 3000, b"[" * 60 + b"]" * 60, b"- " * 400, b"<a>" * 3000, b"(" * 300, b'""""',
    b"NaN", b"-Infinity", b"null", b"true", b"-1", b"0", b"1e999", b"-0.0", b"9" * 25, b"9" * 5000,
    b"0x" + b"f" * 5000, b"0b1", b"1_0", b"1:2:3", b"2001-99-99", b"2001-01-01", b"~", b"no", b".inf", b"<<",
    b"&a [*a, *a]", b"*a", b"<<: [1]", b"!!binary x", b"!!timestamp x", b"!!int x", b"!!set {a}",
    b"!!python/object/apply:os.getcwd []", b"---\n", b"...\n", b"%YAML 9.9\n", b"@", b"`", b"? [a]\n: b\n",
    "\u2028".encode(), "🐕".encode(), "犬".encode(), b"\\ud800", b"\\u0000", b"\\x", "e\u0301".encode(),
    b"<!DOCTYPE a [<!ENTITY b 'c'>]>", b"&b;", b"&#0;", b"<![CDATA[", b"<x/>", b"</annotation>", b'x="',
    b"<?xml version='1.0' encoding='utf-7'?>", b"<?xml version='1.0' encoding='shift_jis'?>",
    b"PK\x03\x04", b"\x93NUMPY\x01\x00", b"\x89PNG\r\n\x1a\n", b"x" * 300, b"x" * 140_000, b"../" * 30,
    b"\xff" * 8, b"\x7f\xff\xff\xff", b"\0" * 8, b"|O", b"<U99999999", b"(9999999999,)", b"(-1,)",
]
NUMBERS = [b"-1", b"0", b"1", b"NaN", b"1e999", b"9" * 25, b"9" * 5000, b"1.5", b"65536", b""]
# Values of the wrong type, or of the right one and impossible.
ODD = [
    None, True, False, 0, 1, -1, 1.5, -0.0, 1e308, float("nan"), float("inf"), 10**30, -(10**400),
    "", " ", "-", "\0", "\ud800", "🐕", "a\nb", "\u2028", "../x", "x" * 300, "a " * 60, "a b-c d e f g",
    "{}", "{0}", "{names}", "{names.x}", "{names[x]}", "{names!z}", "{names:>9999999999}", "{x}", "{",
    [], {}, [[]], [{}], {"": {}}, [None], [1, "a"], ["a", "a"], {"a": [1]}, "nan", "cat", ["cat"], [0, 1],
]
# fmt: on


def nested(depth: int) -> list:
    """A list in a list, `depth` times."""
    value: list = []
    for _ in range(depth):
        value = [value]
    return value


def mutated_bytes(content: bytes, rng: random.Random) -> bytes:
    """`content` after one to three random changes."""
    for _ in range(rng.choice((1, 1, 2, 3))):
        (start, stop), (at, _) = _span(content, rng), _span(content, rng)
        before, piece, after = content[:start], content[start:stop], content[stop:]
        bit, token = 1 << rng.randrange(8), rng.choice(TOKENS)
        numbers = [match.span() for match in re.finditer(rb"-?\d+(\.\d+)?", content)]
        first, last = rng.choice(numbers or [(start, start)])
        content = rng.choice([
            before + bytes(byte ^ bit for byte in piece[:1]) + piece[1:] + after,  # flip a bit
            before + rng.randbytes(len(piece)) + after,
            before + after,  # cut
            before,
            before + piece * rng.choice((2, 2, 3, 50)) + after,
            content[:at] + piece + content[at:],
            before + token + piece + after,
            before + token + after,
            content[:first] + rng.choice(NUMBERS) + content[last:],
        ])  # fmt: skip
    return content


def mutated_value(value: object, rng: random.Random) -> object:
    """A copy of a JSON value after one or two random changes of its structure."""
    holder = [copy.deepcopy(value)]
    for _ in range(rng.choice((1, 1, 2))):
        places = list(_places(holder))
        parent, key = rng.choice(places)
        change = rng.randrange(8)
        if change == 0 and parent is not holder:
            del parent[key]
        elif change == 1 and isinstance(parent, dict):
            parent[rng.choice(["", "x", "🐕", "\ud800", key + " ", key.upper()])] = parent.pop(key)
        elif change == 2:
            parent[key] = [parent[key]]
        elif change == 3:
            other, other_key = rng.choice(places)
            parent[key] = copy.deepcopy(other[other_key])
        elif change == 4 and isinstance(parent, list):
            parent.append(copy.deepcopy(parent[key]))
        elif change == 5:
            parent[key] = nested(rng.choice((5, 80, 400)))
        else:
            parent[key] = copy.deepcopy(rng.choice(ODD))
    return holder[0]


def mutated_file(name: str, content: bytes, rng: random.Random) -> bytes:
    """Either kind of change, by the ending of `name`; inside an archive or a header too."""
    ending = name.rsplit(".", 1)[-1]
    if ending not in STRUCTURES or rng.random() < 0.5:
        return mutated_bytes(content, rng)
    return STRUCTURES[ending](content, rng)


def _json(content: bytes, rng: random.Random) -> bytes:
    return json.dumps(mutated_value(json.loads(content), rng)).encode()


def _json_lines(content: bytes, rng: random.Random) -> bytes:
    rows = mutated_value([json.loads(line) for line in content.splitlines() if line], rng)
    return "\n".join(map(json.dumps, rows if isinstance(rows, list) else [rows])).encode()


def _safetensors(content: bytes, rng: random.Random) -> bytes:
    """The header changed: what it says of tensors, or our own facts in its metadata."""
    size = int.from_bytes(content[:8], "little")
    header, data = json.loads(content[8 : 8 + size]), content[8 + size :]
    metadata = header.get("__metadata__")
    if metadata and rng.random() < 0.7:
        key = rng.choice(list(metadata))
        try:
            metadata[key] = json.dumps(mutated_value(json.loads(metadata[key]), rng))
        except ValueError:  # a word
            metadata[key] = mutated_bytes(metadata[key].encode(), rng).decode(errors="replace")
    else:
        header = mutated_value(header, rng)
    new = json.dumps(header).encode()
    return len(new).to_bytes(8, "little") + new + data


def _archive(content: bytes, rng: random.Random) -> bytes:
    """One file changed or left out, in an archive that is whole; half the time its pickle, if it has one."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(made, "w") as new:
        chosen = rng.choice(old.namelist())
        for name in old.namelist():
            if name.endswith("data.pkl") and rng.random() < 0.5:
                chosen = name
        for name in old.namelist():
            if name != chosen:
                new.writestr(name, old.read(name))
            elif rng.random() < 0.8:
                new.writestr(name, mutated_bytes(old.read(name), rng))
    return made.getvalue()


def _state_dict(content: bytes, rng: random.Random) -> bytes:
    """One tensor renamed, of another shape or kind, or none; or the archive changed."""
    if b"constants.pkl" in content:  # TorchScript: where its checksums are right, torch.jit trusts it blindly
        return mutated_bytes(content, rng)
    if rng.random() < 0.5:
        return _archive(content, rng)
    state, made = torch.load(io.BytesIO(content), weights_only=True), io.BytesIO()
    name = rng.choice([name for name, tensor in state.items() if tensor.ndim])
    tensor = state.pop(name)
    changed = [
        tensor.flatten(), tensor[None], tensor[..., :0], tensor[:1], tensor.new_zeros(()), tensor.bool(),
        tensor.new_zeros(1).expand(10**7), tensor.new_zeros(1, 1).expand(10**5, 10**5),
        tensor.new_zeros(1, 1, 1, 1).expand(10**4, 3, 8, 8), tensor.to_sparse(), tensor.to(torch.complex64),
        torch.cat([tensor.flatten()] * 2), tensor.mT if tensor.ndim > 1 else tensor[:0], rng.choice(ODD),
    ]  # fmt: skip
    other = rng.choice(["", "x", 0, name + ".x", name.split(".")[0], name[:-1], name.replace("0", "99999")])
    state |= rng.choice([{}, {other: tensor}, *({name: value} for value in changed)])
    torch.save(rng.choice([state, state, {"state_dict": state}, [state]]), made)
    return made.getvalue()


STRUCTURES = {
    "json": _json, "yaml": _json, "jsonl": _json_lines, "safetensors": _safetensors, "npz": _archive,
    "pt": _state_dict,
}  # fmt: skip


def _places(holder: list | dict):
    """(parent, key) of every value inside."""
    for key in list(holder) if isinstance(holder, dict) else range(len(holder)):
        yield holder, key
        if isinstance(holder[key], list | dict):
            yield from _places(holder[key])


def _span(content: bytes, rng: random.Random) -> tuple[int, int]:
    start = rng.randrange(len(content) + 1)
    return start, min(len(content), start + rng.choice((1, 2, 4, 16, 64, 400)))
