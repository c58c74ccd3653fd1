"""Instruction sets as users edit them: what is filled in, and what is said of a broken one."""

from pathlib import Path

import numpy as np
import pytest
from tests.clones import committed_params

from lexiclip.captions.instructions import (
    completion_prompt,
    few_shot_prefix,
    instruction,
    joined,
    load_instructions,
)
from lexiclip.errors import InputError

FOLDER = Path(__file__).resolve().parents[2] / "data/instructions"
REFERENCE = load_instructions(FOLDER / "reference.yaml")


def test_names_are_joined_as_the_reference_does():
    found = [joined(names) for names in (["dog"], ["dog", "cup"], ["dog", "cup", "car"])]
    assert found == ["dog", "dog and cup", "dog, cup and car"]


def test_the_reference_instructions_are_those_of_the_method(shared_files):
    (method,) = shared_files("METHOD.md")
    text = method.read_text(encoding="utf-8")
    write = REFERENCE["write"]
    for told in (REFERENCE["propose"], REFERENCE["share_scene"], write["multi"], REFERENCE["check"]):
        assert f'"{told}"' in text
    description, caption = REFERENCE["filter"].split(" Provided caption: ")
    assert f'"{description}" + "Provided caption: {caption}"' in text
    multi = write["multi"].removesuffix(" For example, A kitchen with a microwave, refrigerator, and sink.")
    assert write["single"] == multi.replace("5", "10").replace(" together", "")
    assert write["challenge"] == multi.replace("5", "4")
    assert write["world"] == write["single"].replace("10", "5")


def test_an_instruction_is_filled_in():
    for caption_set in committed_params()["captions"]:
        assert "dog and cup MUST appear" in instruction(REFERENCE, f"write.{caption_set}", ["dog", "cup"])
    assert "[dog, cup and car]" in instruction(REFERENCE, "propose", ["dog", "cup", "car"])
    asked = instruction(REFERENCE, "check", ["dog"], "A dog {with braces}.")
    assert "'A dog {with braces}.'" in asked and "where dog appear together" in asked


@pytest.mark.parametrize("key", ["write.world", "write", "filter"])
def test_a_missing_instruction_is_named(key):
    with pytest.raises(InputError, match=f"no instruction `{key}`"):
        instruction({"kind": "chat", "write": {"multi": "Write."}}, key, ["dog"])


def test_a_completion_prompt_is_examples_and_names_in_random_order():
    small = load_instructions(FOLDER / "small.yaml")
    first, other = (few_shot_prefix(small, np.random.default_rng(seed)) for seed in (3, 4))
    lines = first.splitlines()
    assert lines[0] == small["lead"] and len(set(lines[1:])) == small["shots"] and first != other
    assert set(lines[1:]) <= set(small["examples"])
    seen = {completion_prompt(["dog", "cup"], np.random.default_rng(seed)) for seed in range(20)}
    assert seen == {"dog, cup:", "cup, dog:"}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("kind: chat", ": write: field required"),
        ("kind: letter\nwrite: {}", "'completion', 'chat'"),
        ("- a", "valid dictionary"),
        ("write: {}", "'kind'"),
        ("kind: completion\nlead: a\nshots: 2", ": examples: field required"),
        ("kind: completion\nlead: a\nshots: 2\nexamples: a", "examples: input should be a valid list"),
        ("kind: completion\nlead: a\nshots: -1\nexamples: []", "shots: input should be greater"),
        ("kind: chat\nwrite: {multi: [a]}", "write.multi: input should be a valid string"),
        ("kind: chat\nwrite: {}\n3: a", "3: keys should be strings"),
        ("kind: chat\nwrite: {multi: '{name}'}", "write.multi: only {names} can be filled in (got 'name')"),
        ("kind: chat\nwrite: {filter: '{caption}'}", "write.filter: only {names} can be filled in"),
        ("kind: chat\nwrite: {}\nfilter: 'is it {'", "filter: only {names} and {caption} can be"),
        ("kind: chat\nwrite: {multi: '{names.upper} {names[0]}'}", "(got 'names.upper')"),
        ("kind: chat\nwrite: {multi: '{names:>9999999999}'}", "(got 'names')"),
        ("kind: [", "not YAML"),
    ],
)
def test_a_broken_set_is_told_in_one_line(tmp_path, content, said):
    path = tmp_path / "mine.yaml"
    path.write_text(content)
    with pytest.raises(InputError, match=r"mine\.yaml") as error:
        load_instructions(path)
    assert said in str(error.value)
