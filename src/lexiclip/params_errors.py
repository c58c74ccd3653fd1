"""What pydantic finds wrong with params.yaml in, one line that names the key and what is allowed out."""

import copy
from typing import Any

from pydantic import BaseModel, ValidationError

from lexiclip.errors import did_you_mean


def first_problem(error: ValidationError, content: Any, model: type[BaseModel]) -> str:
    """The first error of `content` as a `model`, "variants.best.train.lr: input should be … (got …)"."""
    # A misspelt key is two errors, one unknown and one missing: the one the user wrote is told.
    problem = min(error.errors(), key=lambda problem: problem["type"] != "extra_forbidden")
    keys = _keys(problem, content)
    if problem["type"] == "extra_forbidden":
        missing = [str(other["loc"][-1]) for other in error.errors() if other["type"] == "missing"]
        return f"{_dotted(keys)}: unknown key{did_you_mean(str(keys[-1]), missing)}"
    if problem["type"] == "value_error":  # raised by a validator of ours
        return ": ".join(filter(None, [_dotted(keys), str(problem["ctx"]["error"])]))
    # A value of several kinds has an error for each.
    first, *others = [other["msg"] for other in error.errors() if _keys(other, content) == keys]
    allowed = [first.lower(), *(message.removeprefix("Input should be ") for message in others)]
    if keys and problem["type"] not in ("missing", "none_required") and _may_be_null(keys, content, model):
        allowed.append("null")
    got = "" if problem["type"] == "missing" else f" (got {problem['input']!r:.60})"  # the block around it
    return f"{_dotted(keys) or 'the whole file'}: {' or '.join(allowed)}{got}"


def _dotted(keys: list) -> str:
    return ".".join(map(str, keys))


def _keys(problem: Any, content: Any) -> list:
    """The keys of the file among a pydantic error's `loc`, without its marks of a union's members."""
    keys = []
    for part in problem["loc"]:
        if isinstance(content, dict) and part != "[key]":
            keys.append(part)
            content = content.get(part)
        elif isinstance(content, list) and isinstance(part, int):
            keys.append(part)
            content = content[part] if part < len(content) else None
    return keys


def _may_be_null(keys: list, content: Any, model: type[BaseModel]) -> bool:
    content = inner = copy.deepcopy(content)
    for key in keys[:-1]:
        inner = inner[key]
    inner[keys[-1]] = None
    try:
        model.model_validate(content)
    except ValidationError as error:
        return keys not in [_keys(other, content) for other in error.errors()]
    return True
