"""Prompt sets as users edit them: what is filled in, and what is said of a broken one."""

from pathlib import Path

import numpy as np
import pytest
import yaml
from tests.clones import committed

from lexiclip.captions.instructions import (
    completion_prompt,
    few_shot_prefix,
    instruction,
    joined,
    load_prompts,
)
from lexiclip.errors import InputError

FOLDER = Path(__file__).resolve().parents[2] / "data/instructions"


def test_names_are_joined_as_the_reference_does():
    assert joined(["dog"]) == "dog"
    assert joined(["dog", "cup"]) == "dog and cup"
    assert joined(["dog", "cup", "car"]) == "dog, cup and car"


def test_the_reference_prompts_are_those_of_the_method(shared):
    method = shared / "METHOD.md"
    if not method.exists():
        pytest.skip(f"no METHOD.md under {shared}")
    text = method.read_text(encoding="utf-8")
    prompts = load_prompts(FOLDER / "reference.yaml")
    for prompt in (prompts["propose"], prompts["share_scene"], prompts["write"]["multi"], prompts["check"]):
        assert f'"{prompt}"' in text
    description, caption = prompts["filter"].split(" Provided caption: ")
    assert f'"{description}" + "Provided caption: {caption}"' in text
    single, example = (
        prompts["write"]["single"],
        " For example, A kitchen with a microwave, refrigerator, and sink.",
    )
    assert single == prompts["write"]["multi"].replace("5", "10").removesuffix(example).replace(
        " together", ""
    )
    challenge = prompts["write"]["multi"].replace("5", "4").removesuffix(example)
    assert prompts["write"]["challenge"] == challenge
    assert prompts["write"]["world"] == single.replace("10", "5")


def test_the_reference_prompts_serve_every_caption_set():
    caption_sets = yaml.safe_load(committed("params.yaml"))["captions"]
    prompts = load_prompts(FOLDER / "reference.yaml")
    for caption_set in caption_sets:
        assert "dog and cup MUST appear" in instruction(prompts, f"write.{caption_set}", ["dog", "cup"])


def test_an_instruction_is_filled_in():
    prompts = load_prompts(FOLDER / "reference.yaml")
    assert "[dog, cup and car]" in instruction(prompts, "propose", ["dog", "cup", "car"])
    asked = instruction(prompts, "check", ["dog"], "A dog {with braces}.")
    assert "'A dog {with braces}.'" in asked and "where dog appear together" in asked
    assert instruction(prompts, "write.single", ["dog"]).endswith("where dog MUST appear.")


@pytest.mark.parametrize("key", ["write.world", "write", "filter"])
def test_a_missing_instruction_is_named(key):
    with pytest.raises(InputError, match=f"no prompt `{key}`"):
        instruction({"kind": "completion", "lead": ""}, key, ["dog"])


def test_a_completion_prompt_is_examples_and_names_in_random_order():
    prompts = load_prompts(FOLDER / "small.yaml")
    lines = few_shot_prefix(prompts, np.random.default_rng(3)).splitlines()
    assert lines[0] == prompts["lead"] and len(set(lines[1:])) == prompts["shots"]
    assert set(lines[1:]) <= set(prompts["examples"])
    assert few_shot_prefix(prompts, np.random.default_rng(3)) != few_shot_prefix(
        prompts, np.random.default_rng(4)
    )
    seen = {completion_prompt(["dog", "cup"], np.random.default_rng(seed)) for seed in range(20)}
    assert seen == {"dog, cup:", "cup, dog:"}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("kind: chat\n", "`kind: chat` with write"),
        ("kind: letter\nwrite: {}\n", "a prompt set has"),
        ("- a\n", "a prompt set has"),
        ("kind: completion\nlead: a\nshots: 2\n", "with lead, shots and examples"),
        ("kind: chat\nwrite: hello\n", "write: expected"),
        ("kind: chat\nwrite: {multi: [a]}\n", "write.multi: expected"),
        (
            "kind: chat\nwrite: {multi: 'about {name}'}\n",
            "write.multi: only {names} can be filled in (got 'name')",
        ),
        ("kind: chat\nwrite: {multi: 'about {caption}'}\n", "write.multi: only {names} can be"),
        ("kind: chat\nwrite: {}\nfilter: 'is it {'\n", "filter: only {names} and {caption} can be"),
        ("kind: chat\nwrite: {multi: '{names.upper} {names[0]}'}\n", "(got 'names.upper')"),
        ("kind: chat\nwrite: {multi: '{names:>9999999999}'}\n", "(got 'names')"),
        ("kind: chat\nwrite: {multi: '{names!r}'}\n", "(got 'names')"),
        ("kind: [chat]\nwrite: {}\n", "a prompt set has"),
        ("kind: completion\nlead: a\nshots: 2\nexamples: a\n", "a list of texts as examples"),
        ("kind: completion\nlead: 1\nshots: 2\nexamples: []\n", "a text as lead"),
        ("kind: completion\nlead: a\nshots: no\nexamples: []\n", "shots: expected a number"),
        ("kind: [", "cannot be read"),
    ],
)
def test_a_broken_prompt_set_is_told_in_one_line(tmp_path, content, said):
    path = tmp_path / "mine.yaml"
    path.write_text(content)
    with pytest.raises(InputError, match=r"mine\.yaml") as error:
        load_prompts(path)
    assert said in str(error.value) and "\n" not in str(error.value)
