"""A prompt set (data/prompts/*.yaml) and a class set in, the text that a language model reads out."""

from pathlib import Path

import numpy as np

from lexiclip.errors import InputError
from lexiclip.files import read_yaml

CAPTION_JUDGES = ("filter", "check")  # the instructions that are asked about one caption


def load_prompts(path: str | Path) -> dict:
    """A prompt set: `kind: completion` with lead, shots, examples, or `kind: chat` with instructions.

    InputError if something is missing, or an instruction holds another {placeholder} than it is filled with.
    """
    prompts = read_yaml(path)
    needed = {"completion": {"lead", "shots", "examples"}, "chat": {"write"}}
    kind = prompts.get("kind") if isinstance(prompts, dict) else None
    if kind not in needed or not needed[kind] <= prompts.keys():
        raise InputError(
            f"{path}: a prompt set has `kind: completion` with lead, shots and examples, "
            "or `kind: chat` with write"
        )
    if kind == "chat":
        _check_instructions(path, prompts)
    return prompts


def _check_instructions(path: str | Path, prompts: dict) -> None:
    if not isinstance(prompts["write"], dict):
        raise InputError(f"{path}: write: expected an instruction for each caption set")
    texts = {key: text for key, text in prompts.items() if key not in ("kind", "write")}
    texts |= {f"write.{key}": text for key, text in prompts["write"].items()}
    for key, text in texts.items():
        if not isinstance(text, str):
            raise InputError(f"{path}: {key}: expected an instruction, got {text!r:.60}")
        filled = ("names", "caption") if key in CAPTION_JUDGES else ("names",)
        try:
            text.format(**dict.fromkeys(filled, ""))
        except (KeyError, ValueError, IndexError) as error:
            allowed = " and ".join(f"{{{name}}}" for name in filled)
            raise InputError(f"{path}: {key}: only {allowed} can be filled in (got {error})") from None


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
