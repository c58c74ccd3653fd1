"""An instruction set (data/instructions/*.yaml) and class names in, what a language model reads out."""

from pathlib import Path
from string import Formatter
from typing import Annotated, Literal

import numpy as np
from pydantic import BaseModel, Field

from lexiclip.errors import InputError
from lexiclip.files import read_yaml
from lexiclip.validation import checked

CAPTION_JUDGES = ("filter", "check")  # their instructions are filled with a caption, too


class Completion(BaseModel, extra="allow", strict=True):
    kind: Literal["completion"]
    lead: str
    shots: Annotated[int, Field(ge=0)]
    examples: list[str]


class Chat(BaseModel, extra="allow", strict=True):
    kind: Literal["chat"]
    write: dict[str, str]  # by caption set
    __pydantic_extra__: dict[str, str]


Instructions = Annotated[Completion | Chat, Field(discriminator="kind")]


def load_instructions(path: str | Path) -> dict:
    """An instruction set: `kind: completion` with lead, shots and examples, or `kind: chat` with write.

    InputError if something is missing, or an instruction holds a {placeholder} that is never filled in.
    """
    content = read_yaml(path)
    known = checked(Instructions, content, path)
    if known.kind == "chat":
        texts = known.__pydantic_extra__ | {f"write.{key}": text for key, text in known.write.items()}
        for key, text in texts.items():
            _check_placeholders(
                f"{path}: {key}", text, ["names", "caption"] if key in CAPTION_JUDGES else ["names"]
            )
    return content


def _check_placeholders(place: str, text: str, allowed: list[str]) -> None:
    only = f"{place}: only {' and '.join(f'{{{name}}}' for name in allowed)} can be filled in"
    try:
        fields = [field for _, *field in Formatter().parse(text) if field[0] is not None]
    except ValueError as error:
        raise InputError(f"{only} (got {error})") from None
    # Each without a format: "{names:>9999999999}" is ten gigabytes of spaces.
    if odd := [field for field in fields if field not in [[name, "", None] for name in allowed]]:
        raise InputError(f"{only} (got {odd[0][0]!r})")


def instruction(instructions: dict, key: str, names: list[str], caption: str = "") -> str:
    """The instruction `key` ("write.multi", "filter") of a chat set, for some classes and a caption.

    InputError if the set has none.
    """
    found = instructions
    for part in key.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    if not isinstance(found, str):
        raise InputError(
            f"no instruction `{key}` in a set of kind {instructions['kind']}: add it or choose another set"
        )
    return found.format(names=joined(names), caption=caption)


def joined(names: list[str]) -> str:
    """Class names as the reference writes them: "a, b and c"."""
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + " and " + names[-1]


def few_shot_prefix(instructions: dict, generator: np.random.Generator) -> str:
    """The lead and `shots` of the examples in random order, which every prompt of a batch begins with."""
    chosen = generator.permutation(len(instructions["examples"]))[: instructions["shots"]]
    return "\n".join([instructions["lead"], *(instructions["examples"][i] for i in chosen)]) + "\n"


def completion_prompt(names: list[str], generator: np.random.Generator) -> str:
    """The line that the model completes: the names in random order and a colon."""
    return ", ".join(names[i] for i in generator.permutation(len(names))) + ":"
