"""A user's own classes: their names out of a text, and the vocabulary's classes that compete with them."""

import os
import re
from collections.abc import Sequence
from pathlib import Path

from lexiclip.errors import InputError
from lexiclip.files import read_text, reading
from lexiclip.vocabulary import Vocabulary, bare, check_spellings, forms, load_vocabulary

# A name, in double quotes or without, and what ends it.
END = r"[,;|\n\u3001\uff0c\uff1b]"
NAME = re.compile(rf'\s*+(?:"((?:[^"]|"")*)"|(?!")((?:(?!{END}).)*))\s*(?:{END}|\Z)')
# What numbers or marks the lines of a list: "1. tram", "0: tram", "0\ttram", "n01440764 tench", "- tram".
MARK = re.compile(r"(?:(\d+)[.:)]?|n\d{8}|[-*\u2022])\s+(?=\S)")
# A list in a file of another kind, or of a name that is not there, is no class name.
LISTS = (".csv", ".tsv", ".json", ".jsonl", ".names", ".labels", ".lst", ".xlsx", ".docx")


def is_vocabulary(classes: object) -> bool:
    """Whether classes are given as a vocabulary's YAML, by its name."""
    return isinstance(classes, str | Path) and str(classes).lower().endswith((".yaml", ".yml"))


def class_names(text: str) -> list[str]:
    """The names of "a, b; c", of a .txt file or a vocabulary's YAML; a name with a comma is in double quotes.

    Numbers or marks before all lines, lines of comment ("# mine") and the brackets of a JSON list fall away.
    InputError for a quote that is not closed, and for another kind of file.
    """
    given, ending = "--classes", Path(text).suffix.lower()
    if is_vocabulary(text):
        return list(load_vocabulary(text, param=given).names)
    if ending == ".txt":
        given, text = text, read_text(text)
    elif ending in LISTS or os.path.isfile(text):  # noqa: PTH113 Path.is_file fails on a list that is too long
        read = "a .txt with a name a line, or a vocabulary's .yaml"
        raise InputError(f"--classes {text}: a file of another kind: give {read}")
    with reading(given, "not UTF-8 text"):  # an argument holds what is not as halves of surrogate pairs
        text = text.encode("utf-8", "surrogateescape").decode()
    text = _unmarked(text)
    names, at = [], 0
    while at < len(text):
        if not (found := NAME.match(text, at)):
            rest = " ".join(text[at:].split())
            raise InputError(f"{given}: no closing double quote, or text after it, at {rest:.40}")
        names.append((found[1] or re.sub(r"\A'(.+)'\Z", r"\1", (found[2] or "").strip())).replace('""', '"'))
        at = found.end()
    return [" ".join(name.split()) for name in names if name.strip()]


def _unmarked(text: str) -> str:
    lines = [line.strip("\ufeff\u200b\0 \t") for line in text.strip().split("\n")]
    lines = [line for line in lines if line and not line.startswith("#")]
    marks = [MARK.match(line) for line in lines]
    if len(lines) > 1 and all(marks):
        numbers = [int(mark[1] or place) for place, mark in enumerate(marks)]
        if numbers in ([*range(len(lines))], [*range(1, len(lines) + 1)]):  # "3 wheeler" is a name
            lines = [line[mark.end() :] for line, mark in zip(lines, marks, strict=True)]
    text = "\n".join(lines)
    return text[1:-1].strip() if text[:1] + text[-1:] == "[]" else text


def check_classes(names: Sequence[str]) -> None:
    """InputError if there is no name or an empty one, or if spelling alone tells two apart."""
    if isinstance(names, str):
        raise InputError(f"classes {names!r}: expected a list of names, not one text")
    if not names or not all(map(bare, names)):
        raise InputError(f"classes {list(names)}: expected at least one name, and none empty")
    seen: dict[str, int] = {}
    for place, name in enumerate(names):
        if (first := seen.setdefault(bare(name), place)) != place:
            raise InputError(f"classes: {names[first]!r} and {name!r} are the same class: keep one")


def with_competitors(names: Sequence[str], vocabulary: Vocabulary) -> tuple[str, ...]:
    """`names`, then the vocabulary's classes but for those that a name means: "puppy" leaves no "dog"."""
    meant = {name for given in names for name in [given, *vocabulary.labels(given)]}
    return (*names, *(name for name in vocabulary.names if name not in meant))


def own_vocabulary(names: Sequence[str], vocabulary: Vocabulary, *others: Vocabulary) -> Vocabulary:
    """The vocabulary of `with_competitors`. A name that is a class of `vocabulary`, or else of one of
    `others`, has the words for it, too; one that is merely a word for a class ("baby") has its own alone.

    InputError for two names of one spelling, or one of too many words.
    """
    check_spellings(names)
    every = with_competitors(names, vocabulary)
    name_of = {bare(name): name for name in reversed(every)}  # of two spellings, the user's
    phrases = {
        phrase: None if of is None else name_of.get(bare(of)) for phrase, of in vocabulary.phrases.items()
    }
    known = set(map(bare, vocabulary.names))
    for other in others:
        for phrase, of in other.phrases.items():
            read = phrase in phrases and (phrases[phrase] or vocabulary.phrases[phrase] is None)
            if of is not None and bare(of) in name_of and bare(of) not in known and not read:
                phrases[phrase] = name_of[bare(of)]
        known |= set(map(bare, other.names))
    phrases |= {phrase: name for name in names for phrase in forms(name.replace("_", " "))}
    return Vocabulary(every, phrases, vocabulary.adjectives, vocabulary.after_noun)
