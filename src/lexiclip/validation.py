"""The content of a file in, typed by pydantic, out; what is wrong with it in one line that names the key."""

import copy
import re
import reprlib
from typing import Any

from pydantic import TypeAdapter, ValidationError

from lexiclip.errors import InputError, did_you_mean


def checked(kind: Any, content: Any, place: object) -> Any:
    """`content` as a type `kind`. InputError names `place` (a file, a row) and the first wrong key of it."""
    try:
        return TypeAdapter(kind).validate_python(content)
    except ValidationError as error:
        raise InputError(": ".join([str(place), *_first_problem(error, content, kind)])) from None


def _first_problem(error: ValidationError, content: Any, kind: Any) -> list[str]:
    """["variants.best.train.lr", "input should be … (got …)"]; without a key where the whole is wrong."""
    # A misspelt key is two errors, one unknown and one missing: the one the user wrote is told.
    problem = min(error.errors(), key=lambda problem: problem["type"] != "extra_forbidden")
    keys = _keys(problem, content)
    place = [".".join(map(str, keys))] if keys else []
    if problem["type"] == "extra_forbidden":
        missing = [str(other["loc"][-1]) for other in error.errors() if other["type"] == "missing"]
        return [*place, f"unknown key{did_you_mean(str(keys[-1]), missing)}"]
    if problem["type"] == "value_error":  # raised by a validator of ours
        return [*place, str(problem["ctx"]["error"])]
    # A value of several kinds has an error for each.
    same = [other["msg"] for other in error.errors() if _keys(other, content) == keys]
    first, *others = [re.sub(r" or instance of \w+$", "", message) for message in same]
    allowed = [first[0].lower() + first[1:], *(other.removeprefix("Input should be ") for other in others)]
    if problem["type"] == "missing":  # whose input is all that stands around it
        return [*place, " or ".join(allowed)]
    if keys and problem["type"] != "none_required" and _may_be_null(keys, content, kind):
        allowed.append("null")
    return [*place, f"{' or '.join(allowed)} (got {reprlib.repr(problem['input'])})"]


def _keys(problem: Any, content: Any) -> list:
    """The keys of the file among a pydantic error's `loc`, without its marks of a union's members."""
    keys, last = [], len(problem["loc"]) - 1
    for place, part in enumerate(problem["loc"]):
        if isinstance(content, dict) and part != "[key]" and (part in content or place == last):
            keys.append(part)
            content = content.get(part)
        elif isinstance(content, list) and isinstance(part, int):
            keys.append(part)
            content = content[part] if part < len(content) else None
    return keys


def _may_be_null(keys: list, content: Any, kind: Any) -> bool:
    content = inner = copy.deepcopy(content)
    for key in keys[:-1]:
        inner = inner[key]
    inner[keys[-1]] = None
    try:
        TypeAdapter(kind).validate_python(content)
    except ValidationError as error:
        return keys not in [_keys(other, content) for other in error.errors()]
    return True
