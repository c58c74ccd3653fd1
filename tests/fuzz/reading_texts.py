"""Readers of texts: captions, answers, vocabularies, instructions, templates, params; what they build on."""

from pathlib import Path

import numpy as np
from tests.clones import committed_params
from tests.fuzz.reader import INSTANCES, NAMES, Reader, all_of, file_of, one_file

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


def use_captions(path: Path) -> None:
    captions = read_captions(path)
    write_jsonl(path.parent / "out", ({"answer": text, "captions": parse_answer(text)} for text in captions))


def use_answers(path: Path) -> None:
    answers = read_answers(path)
    kept, _ = filter_answers(answers, WORDS, "multi", max_characters=149, needs_asked=True, adds_asked=True)
    write_jsonl(path.parent / "out", kept)


def use_vocabulary(path: Path) -> None:
    words = load_vocabulary(path)
    assert set(words.labels("a kitten, a dog, a hot dog")) <= set(words.names)


def use_instructions(path: Path) -> None:
    instructions = load_instructions(path)
    if instructions["kind"] == "completion":
        few_shot_prefix(instructions, np.random.default_rng(0)).encode()
    else:
        for text in instructions["write"].values():
            text.format(names="cat and dog").encode()


def use_templates(folder: Path) -> None:
    templates, things = load_templates(folder / "templates.yaml"), load_things(folder / "things.yaml")
    given = {"templates": templates, "things": things, "rare_classes": [], "hard_classes": [], "seed": 0}
    write_jsonl(folder / "out", mix_texts(NAMES, {}, [], {"class": True, "companion": True}, **given))


TXT = "[0] ('cat', 'dog')\n1. A cat. 2. \"A dog.\"\nSure, here:\n\n- A hot dog\n"
CSV = 'image,caption\na.jpg,"A cat, and a ""dog"""\nb.jpg,A hot dog\n'
JSONL = '{"caption": "A cat"}\n{"captions": ["A dog", "A cat"]}\n'
ANSWERS = '{"names": ["cat"], "answer": "1. A cat sits. 2. A cat"}\n' * 2
YAML = "a: &b [1, 0.5, no]\nc: {d: 'e', f: \"g\"}\nh: *b\n? i\n: |\n  j\n"
TEMPLATES = (
    file_of("templates.yaml", ["a bad photo of a {}.", "many {}."]), file_of("things.yaml", ["tree", "wall"])
)  # fmt: skip
READERS = {
    "json": one_file("a.json", INSTANCES, read_json, 750),
    "jsonl": one_file("a.jsonl", '{"a": [1, 2.5], "b": "x"}\n\n{"a": null}\n', read_jsonl, 750),
    "yaml": one_file("a.yml", YAML, read_yaml, 300),
    "captions.txt": one_file("a.txt", TXT, use_captions, 400),
    "captions.csv": one_file("a.csv", CSV, use_captions, 750),
    "captions.jsonl": one_file("a.jsonl", JSONL, use_captions, 500),
    "captions.json": one_file(
        "a.json", {"0": ["A cat", "A dog"], "1": {"text": "A hot dog"}}, use_captions, 500
    ),
    "answers": one_file("answers.jsonl", ANSWERS, use_answers, 350),
    "params": Reader(small_params, lambda folder: load_params(folder / "params.yaml"), 75),
    "vocabulary": one_file("words.yaml", CLASSES, use_vocabulary, 250),
    "chat instructions": one_file("instructions.yaml", CHAT, use_instructions, 200),
    "completion instructions": one_file("instructions.yaml", COMPLETION, use_instructions, 200),
    "templates": Reader(all_of(*TEMPLATES), use_templates, 300),
}
