"""Readers of texts: captions, answers, vocabularies, instructions, templates, params; what they build on."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from tests.clones import committed_params
from tests.fuzz.reader import INSTANCES, NAMES, Reader, all_of, file_of

from lexiclip.captions.filtering import filter_answers, read_answers
from lexiclip.captions.instructions import few_shot_prefix, load_instructions
from lexiclip.captions.parsing import parse_answer
from lexiclip.captions.readers import read_captions
from lexiclip.files import read_json, read_jsonl, read_yaml, write_json, write_jsonl
from lexiclip.mixes import load_templates, load_things, mix_texts
from lexiclip.params import load_params
from lexiclip.vocabulary import Vocabulary, load_vocabulary

WORDS = Vocabulary(NAMES, {name: name for name in NAMES})
CLASSES = {"classes": {"cat": ["kitten"], "dog": None, "hot dog": []}, "ignore": ["cat walk"]}
CHAT = {"kind": "chat", "write": {"multi": "Show {names}."}, "check": "Is '{caption}' good for {names}?"}
COMPLETION = {"kind": "completion", "lead": "Names.", "shots": 1, "examples": ["dog: A dog.", "cat: A cat."]}


def small_params(folder: Path) -> None:
    """The committed params as JSON, which is YAML too, with one variant."""
    content = committed_params()
    content["variants"] = {"best": content["variants"]["best"]}
    content["ensemble"]["variants"] = ["zero_shot", "best"]
    write_json(folder / "params.yaml", content)


def use_captions(name: str) -> Callable[[Path], None]:
    def use(folder: Path) -> None:
        captions = read_captions(folder / name)
        write_jsonl(folder / "out", ({"answer": text, "captions": parse_answer(text)} for text in captions))

    return use


def use_answers(folder: Path) -> None:
    answers = read_answers(folder / "answers.jsonl")
    kept, _ = filter_answers(answers, WORDS, "multi", max_characters=149, needs_asked=True, adds_asked=True)
    write_jsonl(folder / "out", kept)


def use_vocabulary(folder: Path) -> None:
    words = load_vocabulary(folder / "words.yaml")
    assert set(words.labels("a kitten, a dog, a hot dog")) <= set(words.names)


def use_instructions(folder: Path) -> None:
    instructions = load_instructions(folder / "instructions.yaml")
    if instructions["kind"] == "completion":
        few_shot_prefix(instructions, np.random.default_rng(0)).encode()
    else:
        for text in instructions["write"].values():
            text.format(names="cat and dog").encode()


def use_templates(folder: Path) -> None:
    given = {
        "templates": load_templates(folder / "templates.yaml"),
        "things": load_things(folder / "things.yaml"),
    }
    sources = {"class": True, "companion": True}
    mix = mix_texts(NAMES, {}, [], sources, **given, rare_classes=[], hard_classes=[], seed=0)
    write_jsonl(folder / "out", mix)


READERS = {
    "json": Reader(file_of("a.json", INSTANCES), lambda folder: read_json(folder / "a.json"), 1500),
    "jsonl": Reader(
        file_of("a.jsonl", '{"a": [1, 2.5], "b": "x"}\n\n{"a": null}\n'),
        lambda folder: read_jsonl(folder / "a.jsonl"),
        1500,
    ),
    "yaml": Reader(
        file_of("a.yml", "a: &b [1, 0.5, no]\nc: {d: 'e', f: \"g\"}\nh: *b\n? i\n: |\n  j\n"),
        lambda folder: read_yaml(folder / "a.yml"),
        600,
    ),
    "captions.txt": Reader(
        file_of("a.txt", "[0] ('cat', 'dog')\n1. A cat. 2. \"A dog.\"\nSure, here:\n\n- A hot dog\n"),
        use_captions("a.txt"),
        800,
    ),
    "captions.csv": Reader(
        file_of("a.csv", 'image,caption\na.jpg,"A cat, and a ""dog"""\nb.jpg,A hot dog\n'),
        use_captions("a.csv"),
        1500,
    ),
    "captions.jsonl": Reader(
        file_of("a.jsonl", '{"caption": "A cat"}\n{"captions": ["A dog", "A cat"]}\n'),
        use_captions("a.jsonl"),
        1000,
    ),
    "captions.json": Reader(
        file_of("a.json", {"0": ["A cat", "A dog"], "1": {"text": "A hot dog"}}), use_captions("a.json"), 1000
    ),
    "answers": Reader(
        file_of("answers.jsonl", '{"names": ["cat"], "answer": "1. A cat sits. 2. A cat"}\n' * 2),
        use_answers,
        700,
    ),
    "params": Reader(small_params, lambda folder: load_params(folder / "params.yaml"), 150),
    "vocabulary": Reader(file_of("words.yaml", CLASSES), use_vocabulary, 500),
    "chat instructions": Reader(file_of("instructions.yaml", CHAT), use_instructions, 400),
    "completion instructions": Reader(file_of("instructions.yaml", COMPLETION), use_instructions, 400),
    "templates": Reader(
        all_of(
            file_of("templates.yaml", ["a bad photo of a {}.", "many {}."]),
            file_of("things.yaml", ["tree", "wall"]),
        ),
        use_templates,
        600,
    ),
}
