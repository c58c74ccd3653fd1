"""A prompt set (data/instructions/*.yaml) and a class set in, the text that a language model reads out."""

from pathlib import Path
from string import Formatter

import numpy as np

from lexiclip.errors import InputError
from lexiclip.files import read_yaml

CAPTION_JUDGES = ("filter", "check")  # the instructions that are asked about one caption


def load_prompts(path: str | Path) -> dict:
    """A prompt set: `kind: completion` with lead, shots, examples, or `kind: chat` with instructions.

    InputError if something is missing, or an instruction holds another {placeholder} than it is filled with.
    """
    prompts = read_yaml(path)
    kind = prompts.get("kind") if isinstance(prompts, dict) else None
    if kind == "chat" and "write" in prompts:
        _check_instructions(path, prompts)
    elif kind == "completion" and {"lead", "shots", "examples"} <= prompts.keys():
        _check_completion(path, prompts)
    else:
        raise InputError(
            f"{path}: a prompt set has `kind: completion` with lead, shots and examples, "
            "or `kind: chat` with write"
        )
    return prompts


def _check_completion(path: str | Path, prompts: dict) -> None:
    lead, shots, examples = (prompts[key] for key in ("lead", "shots", "examples"))
    if not isinstance(examples, list) or not all(isinstance(text, str) for text in [lead, *examples]):
        raise InputError(f"{path}: expected a text as lead and a list of texts as examples")
    if type(shots) is not int or shots < 0:
        raise InputError(f"{path}: shots: expected a number of examples, got {shots!r:.60}")


def _check_instructions(path: str | Path, prompts: dict) -> None:
    if not isinstance(prompts["write"], dict):
        raise InputError(f"{path}: write: expected an instruction for each caption set")
    texts = {key: text for key, text in prompts.items() if key not in ("kind", "write")}
    texts |= {f"write.{key}": text for key, text in prompts["write"].items()}
    for key, text in texts.items():
        if not isinstance(text, str):
            raise InputError(f"{path}: {key}: expected an instruction, got {text!r:.60}")
        filled = ("names", "caption") if key in CAPTION_JUDGES else ("names",)
        allowed = " and ".join(f"{{{name}}}" for name in filled)
        try:
            # Each as it stands, without its formatting: "{names:>9999999999}" is ten gigabytes of spaces.
            fields = [field for _, *field in Formatter().parse(text) if field[0] is not None]
        except ValueError as error:
            raise InputError(f"{path}: {key}: only {allowed} can be filled in (got {error})") from None
        if odd := [field for field in fields if field not in [[name, "", None] for name in filled]]:
            raise InputError(f"{path}: {key}: only {allowed} can be filled in (got {odd[0][0]!r})")


def instruction(prompts: dict, key: str, names: list[str], caption: str = "") -> str:
    """The instruction `key` ("write.multi", "filter") of a chat prompt set, for some classes and a caption.

    InputError if the set has none.
    """
    found = prompts
    for part in key.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    if found is None:
        raise InputError(
            f"no prompt `{key}` in a prompt set of kind {prompts['kind']}: add it or choose another"
        )
    return found.format(names=joined(names), caption=caption)


def joined(names: list[str]) -> str:
    """Class names as the reference writes them: "a, b and c"."""
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + " and " + names[-1]


def few_shot_prefix(prompts: dict, generator: np.random.Generator) -> str:
    """The lead and `shots` of the examples in random order: the beginning of a batch's completion prompts."""
    chosen = generator.permutation(len(prompts["examples"]))[: prompts["shots"]]
    return "\n".join([prompts["lead"], *(prompts["examples"][i] for i in chosen)]) + "\n"


def completion_prompt(names: list[str], generator: np.random.Generator) -> str:
    """The line that the model is to finish: the names in random order and a colon."""
    return ", ".join(names[i] for i in generator.permutation(len(names))) + ":"
