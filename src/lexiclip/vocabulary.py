"""Class names and the words for them; labels of a caption from its text, longest match first (METHOD §1)."""

import functools
import itertools
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, model_validator

from lexiclip.errors import InputError, did_you_mean
from lexiclip.files import existing, read_yaml
from lexiclip.validation import checked

# A word, what follows its apostrophe, or a punctuation mark; space, hyphen and underscore only separate.
TOKEN = re.compile(r"[^\W_]+|(?<=\w)['\u2019]\w*|[^\w\s-]")

MOST_PARTS = 12  # of a name: each gap between two may be closed, which doubles the spellings


def _word(word: object) -> str:
    if not isinstance(word, str) or not word.strip():
        raise ValueError(f"expected a word, got {word!r:.40}: put it in quotes")
    if len(_parts(word)) > MOST_PARTS:
        raise ValueError(f"expected at most {MOST_PARTS} words in a row, got {word!r:.40}")
    return word


Word = Annotated[str, BeforeValidator(_word)]


def _words(words: object) -> object:
    if words and not isinstance(words, list):
        raise ValueError(f"expected a list of words, such as [streetcar], got {words!r:.40}")
    return words or []


Words = Annotated[list[Word], BeforeValidator(_words)]


class WordFile(BaseModel, extra="forbid", strict=True):
    """The content of a vocabulary's YAML file."""

    classes: dict[Word, Words]
    ignore: Words = []
    adjectives: Words = []
    after_noun: Words = []

    @model_validator(mode="before")
    @classmethod
    def _lists_classes(cls, content: object) -> object:
        classes = content.get("classes") if isinstance(content, dict) else None
        if not classes or not isinstance(classes, dict):
            raise ValueError(
                f"expected `classes:` and below it a class a line, such as `tram: []`, got {content!r:.40}"
            )
        return content


def bare(name: str) -> str:
    """What two spellings of a class name share: "Traffic_Light", "traffic-light" and "traffic light"."""
    return re.sub(r"[\s_-]+", "", name).casefold()


@dataclass(frozen=True)
class Vocabulary:
    """K class names in the order of every score column, and the class of each phrase (None: no label).

    A phrase is its tokens joined by single spaces. One of `adjectives` ("orange") gives no label before a
    word that is not in `after_noun` ("an orange shirt").
    """

    names: tuple[str, ...]
    phrases: dict[str, str | None]
    adjectives: frozenset[str] = frozenset()
    after_noun: frozenset[str] = frozenset()
    without: frozenset[str] = frozenset()  # classes whose words match and give no label

    def labels(self, text: str) -> list[str]:
        """The classes that `text` names, in class order. A match is consumed: "hot dog" is no dog."""
        tokens = TOKEN.findall(text.lower())
        found, start = set(), 0
        while start < len(tokens):
            for stop in range(min(start + self._longest, len(tokens)), start, -1):
                phrase = " ".join(tokens[start:stop])
                if phrase in self.phrases:
                    if phrase not in self.adjectives or self._ends_noun(tokens[stop : stop + 1]):
                        found.add(self.phrases[phrase])
                    start = stop - 1
                    break
            start += 1
        return self.in_order(found)

    def _ends_noun(self, following: list[str]) -> bool:
        return not following or not following[0].isalpha() or following[0] in self.after_noun

    @functools.cached_property
    def columns(self) -> dict[str, int | None]:
        """The column of each class by the `bare` form of its name and other words; None: gives no label."""
        column_of = {name: k for k, name in enumerate(self.names)}
        words = {bare(phrase): column_of.get(owner) for phrase, owner in self.phrases.items()}
        return words | {bare(name): k for name, k in column_of.items()}

    def check(self, names: Iterable[str], key: str) -> None:
        """InputError, naming the param `key`, for `names` that are no classes, `without` or not."""
        known = [*self.names, *self.without]
        if unknown := [name for name in names if name not in known]:
            hint = did_you_mean(unknown[0], known)
            raise InputError(f"{key}: the vocabulary has no class {', '.join(map(repr, unknown))}{hint}")

    def in_order(self, names: Iterable[str | None]) -> list[str]:
        """The classes among `names`, each once, in class order."""
        wanted = set(names)
        return [name for name in self.names if name in wanted]

    @functools.cached_property
    def _longest(self) -> int:
        return max(phrase.count(" ") + 1 for phrase in self.phrases)


def load_vocabulary(
    path: str | Path, without: Iterable[str] = (), param: str = "vocabulary.file"
) -> Vocabulary:
    """Read a YAML of `classes: {name: [synonyms]}` and, optionally, `ignore`, `adjectives`, `after_noun`.

    Regular plurals, joined and hyphenated spellings are added. Classes in `without` still match, so that
    their words go to no other class, but give no label. InputError for a malformed file, for a missing one,
    which `param` names, for an unknown class in `without` and for a word of two classes.
    """
    listed = checked(WordFile, read_yaml(existing(path, param)), path)
    return _vocabulary(listed, set(without), path)


def check_spellings(names: Sequence[str]) -> None:
    """InputError for class names of one spelling ("dog" and "dogs"), or of too many words."""
    _vocabulary(checked(WordFile, {"classes": dict.fromkeys(names)}, "classes"), set(), "classes")


def _vocabulary(listed: WordFile, without: set[str], path: str | Path) -> Vocabulary:
    classes = listed.classes
    for name in sorted(without - set(classes)):
        raise InputError(f"vocabulary.without: no class {name!r} in {path}{did_you_mean(name, classes)}")
    owners: dict[str, str] = {}
    for name, words in classes.items():
        for word in [name, *words]:
            for phrase in forms(word):
                if owners.setdefault(phrase, name) != name:
                    raise InputError(f"{path}: {word!r} stands for both {owners[phrase]!r} and {name!r}")
    phrases = {phrase: None if name in without else name for phrase, name in owners.items()}
    for word in listed.ignore:
        if (phrase := _phrase(word)) in owners:
            raise InputError(f"{path}: {word!r} is ignored and stands for {owners[phrase]!r}: keep one")
        phrases |= {phrase: None for phrase in forms(word) if phrase not in owners}
    names = tuple(name for name in classes if name not in without)
    adjectives, after_noun = (
        frozenset(map(_phrase, words)) for words in (listed.adjectives, listed.after_noun)
    )
    return Vocabulary(names, phrases, adjectives, after_noun, frozenset(without))


def of_names(names: Iterable[str]) -> Vocabulary:
    """A vocabulary of names alone; of two spellings of one name, the first is taken."""
    first: dict[str, str] = {}
    for name in names:
        first.setdefault(bare(name), name)
    return Vocabulary(tuple(first.values()), {name: name for name in first.values()})


def forms(word: str) -> set[str]:
    """Singular and regular plurals of a word, each with its spaces and hyphens kept or left out."""
    forms = set()
    for form in [word.lower(), *_plurals(word.lower())]:
        parts = _parts(form)
        for separators in itertools.product(["", " "], repeat=len(parts) - 1):
            spelling = "".join(map("".join, zip(parts, [*separators, ""], strict=True)))
            forms.add(_phrase(spelling))
    return forms


def _phrase(words: str) -> str:
    return " ".join(TOKEN.findall(words.lower()))


def _parts(word: str) -> list[str]:
    return re.split(r"[\s-]+", word.strip())


def _plurals(word: str) -> list[str]:
    """The regular plurals of a phrase's last word; both where English has two ("-fs", "-ves")."""
    if re.search(r"([sxz]|[cs]h)$", word):
        return [word + "es"]
    if re.search(r"[^aeiou]y$", word):
        return [word[:-1] + "ies"]
    irregular = []
    if word.endswith("o"):
        irregular.append(word + "es")
    if re.search(r"[^f]f$|[iln]ife$", word):
        irregular.append(re.sub(r"fe?$", "ves", word))
    if word.endswith("man"):
        irregular.append(word[:-2] + "en")
    return [word + "s", *irregular]
