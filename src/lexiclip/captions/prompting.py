"""A prompt set (data/prompts/*.yaml) and a class set in, the text that a language model reads out."""

from pathlib import Path

import numpy as np

from lexiclip.errors import InputError
from lexiclip.files import read_yaml


def load_prompts(path: str | Path) -> dict:
    """A prompt set: `kind: completion` with lead, shots, examples, or `kind: chat` with instructions."""
    prompts = read_yaml(path)
    needed = {"completion": {"lead", "shots", "examples"}, "chat": {"write"}}
    kind = prompts.get("kind") if isinstance(prompts, dict) else None
    if kind not in needed or not needed[kind] <= prompts.keys():
        raise InputError(
            f"{path}: a prompt set has `kind: completion` with lead, shots and examples, "
            "or `kind: chat` with write"
        )
    return prompts


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


def chat_prompt(prompts: dict, caption_set: str, names: list[str], tokenizer: object) -> str:
    """The reference's instruction for a caption set, wrapped in the model's own chat template."""
    instruction = prompts["write"][caption_set].format(names=joined(names))
    messages = [{"role": "user", "content": instruction}]
    return tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
