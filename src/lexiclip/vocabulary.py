"""Class names and the words for them; labels of a caption from its text, longest match first (METHOD §1)."""

import difflib
import functools
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from lexiclip.errors import InputError
from lexiclip.files import read_yaml


@dataclass(frozen=True)
class Vocabulary:
    """K class names in the order of every score column, and the class each phrase stands for (None: no label)."""

    names: tuple[str, ...]
    phrases: dict[str, str | None]

    @functools.cached_property
    def _pattern(self) -> re.Pattern:
        # Longest first, so that a matched phrase is consumed before a shorter name in it is tried.
        longest_first = sorted(self.phrases, key=len, reverse=True)
        alternatives = "|".join(re.escape(phrase).replace(r"\ ", "[ -]?") for phrase in longest_first)
        return re.compile(rf"(?<![a-z])(?:{alternatives})(?![a-z])")

    def labels(self, text: str) -> list[str]:
        """The classes that `text` names, in class order."""
        found = (match.group() for match in self._pattern.finditer(text.lower()))
        return self.in_order(self._classes[_squeezed(phrase)] for phrase in found)

    def in_order(self, names: Iterable[str | None]) -> list[str]:
        """Those of `names` that are classes, each once, in class order."""
        wanted = set(names)
        return [name for name in self.names if name in wanted]

    @functools.cached_property
    def _classes(self) -> dict[str, str | None]:
        return {_squeezed(phrase): name for phrase, name in self.phrases.items()}


def load_vocabulary(path: str | Path, without: Iterable[str] = ()) -> Vocabulary:
    """Read a YAML of `classes: {name: [other words]}` and `ignore: [phrases]`.

    Classes in `without` still match, so that their words go to no other class, but are labelled nothing.
    InputError for a malformed file, an unknown class in `without`, a word that stands in two classes.
    """
    content = read_yaml(path)
    classes = content.get("classes") if isinstance(content, dict) else None
    if not isinstance(classes, dict) or not all(isinstance(words or [], list) for words in classes.values()):
        raise InputError(f"{path}: expected `classes:` with a list of other words for each class name")
    for name in without:
        if name not in classes:
            near = difflib.get_close_matches(name, map(str, classes), 1)
            hint = f" (did you mean {near[0]!r}?)" if near else ""
            raise InputError(f"vocabulary.without: no class {name!r} in {path}{hint}")
    phrases: dict[str, str | None] = {}
    for name, words in classes.items():
        for word in [name, *(words or [])]:
            for phrase in (str(word).lower(), _plural(str(word).lower())):
                if phrases.setdefault(phrase, name) != name:
                    raise InputError(f"{path}: {word!r} stands for both {phrases[phrase]!r} and {name!r}")
    left_out = set(without)
    phrases = {phrase: None if name in left_out else name for phrase, name in phrases.items()}
    phrases |= {form: None for phrase in content.get("ignore") or [] for form in (phrase, _plural(phrase))}
    return Vocabulary(tuple(name for name in classes if name not in left_out), phrases)


def _plural(phrase: str) -> str:
    """The regular plural of a phrase's last word."""
    if re.search(r"(s|x|z|ch|sh)$", phrase):
        return phrase + "es"
    if re.search(r"[^aeiou]y$", phrase):
        return phrase[:-1] + "ies"
    return phrase + "s"


def _squeezed(phrase: str) -> str:
    return phrase.replace(" ", "").replace("-", "")
