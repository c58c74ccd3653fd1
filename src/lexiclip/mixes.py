"""The training texts of a variant: captions, and template texts made from class names (METHOD §2).

A text is {"text", "labels": class names, "source"}.
"""

import hashlib
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

import numpy as np

from lexiclip.errors import InputError
from lexiclip.files import read_yaml
from lexiclip.validation import checked

REPEATS = 9  # METHOD §2: copies of each plain template text
CAPTION_SOURCES = ("multi", "single", "challenge", "wild")
IMAGENET_TEMPLATES = Path(__file__).with_name("templates") / "imagenet.yaml"


def is_held_out(text: str, share: float) -> bool:
    """True for the same `share` of all texts in every mix, by hash: they are never trained on."""
    return int(hashlib.sha256(text.lower().encode()).hexdigest()[:8], 16) < share * 0x1_0000_0000


def split_held_out(
    captions: dict[str, list[dict]], world: list[dict], share: float
) -> tuple[dict[str, list[dict]], list[dict]]:
    """The captions of each source to train on, and those held out of all.

    Captions of `world`, which the mini CLIP has read, are in neither: they would be no test of prompts, and
    no new text to tune them on.
    """
    read = {row["text"].lower() for row in world}
    trained, held_out = {}, []
    for source, rows in captions.items():
        rows = [row for row in rows if row["text"].lower() not in read]
        held_out += [row for row in rows if is_held_out(row["text"], share)]
        trained[source] = [row for row in rows if not is_held_out(row["text"], share)]
    return trained, held_out


def load_things(path: str | Path) -> list[str]:
    """A YAML list of texts. InputError for anything else."""
    return checked(list[str], read_yaml(path), path)


def load_templates(path: str | Path) -> list[str]:
    """A YAML list of texts with one {} for a class name. InputError for anything else."""
    templates = load_things(path)
    for template in templates:
        if (template.count("{}"), template.count("{"), template.count("}")) != (1, 1, 1):
            raise InputError(f"{path}: expected one {{}}, for the class name, in {template!r:.80}")
    return templates


def mix_texts(
    names: tuple[str, ...],
    captions: dict[str, list[dict]],
    class_sets: list[list[str]],
    sources: dict[str, bool | int | str],
    *,
    templates: list[str],
    things: list[str],
    rare_classes: list[str],
    hard_classes: list[str],
    seed: int,
) -> list[dict]:
    """The texts of a mix. A source is on (True) or off, drawn down to a number of texts, or repeated ("x3").

    With `hard_classes`, only texts that name one are kept and only those classes are labelled. Each of
    `rare_classes` (all classes if empty) is paired with `things`, which lie outside the vocabulary. Names in
    both lists that are not classes are ignored. InputError begins with the key of the mix that is at fault.
    """
    labelled = tuple(name for name in names if name in hard_classes) if hard_classes else names
    if not labelled:
        raise InputError(f"hard_classes: none of {', '.join(hard_classes)} is a class of the vocabulary")
    made = {
        "class": lambda: _class_texts(names, templates),
        "pair": lambda: _repeated([_photo_of([a, b], "pair") for a, b in combinations(names, 2)]),
        "person_pair": lambda: _person_pairs(names),
        "companion": lambda: _companion_texts([n for n in names if n in rare_classes] or names, things),
        "set": lambda: [_photo_of(members, "set") for members in class_sets],
        "sampled_set": lambda: _sampled_sets(class_sets, np.random.default_rng([seed, 1])),
    }
    mix = []
    for number, (source, wanted) in enumerate(sources.items()):
        if wanted is False or wanted == 0:
            continue
        texts = captions[source] if source in CAPTION_SOURCES else made[source]()
        if source in CAPTION_SOURCES and not texts:
            file = f"data/captions/{source}.jsonl"
            raise InputError(
                f"texts.{source}: {file} has no caption to train on: write some, or set it to false"
            )
        if isinstance(wanted, str):
            texts = texts * int(wanted.removeprefix("x"))
        elif wanted is not True and len(texts) > wanted:
            chosen = np.random.default_rng([seed, 2, number]).choice(len(texts), size=wanted, replace=False)
            texts = [texts[i] for i in sorted(chosen)]
        mix += texts
    mix = [text | {"labels": [name for name in text["labels"] if name in labelled]} for text in mix]
    mix = [text for text in mix if text["labels"]]
    named = {name for text in mix for name in text["labels"]}
    if missing := [name for name in labelled if name not in named]:
        some = ", ".join(missing[:5]) + (", …" if len(missing) > 5 else "")
        raise InputError(f"texts: no text of {some}: add a source, such as `class: true`")
    return mix


def _photo_of(members: list[str], source: str, labels: list[str] | None = None) -> dict:
    phrase = " and a ".join(map(_spoken, members))
    return {"text": f"a photo of a {phrase}.", "labels": labels or members, "source": source}


def _spoken(name: str) -> str:
    return name.replace("_", " ")


def _repeated(texts: list[dict]) -> list[dict]:
    return [text for text in texts for _ in range(REPEATS)]


def _class_texts(names: tuple[str, ...], templates: list[str]) -> list[dict]:
    plain = _repeated([_photo_of([name], "class") for name in names])
    return plain + [
        {"text": template.format(_spoken(name)), "labels": [name], "source": "class"}
        for name in names
        for template in templates
    ]


def _person_pairs(names: tuple[str, ...]) -> list[dict]:
    if "person" not in names:
        raise InputError("texts.person_pair: the vocabulary has no class 'person': set it to false")
    return _repeated([_photo_of(["person", name], "person_pair") for name in names if name != "person"])


def _companion_texts(classes: Sequence[str], things: list[str]) -> list[dict]:
    return [_photo_of([name, thing], "companion", [name]) for name in classes for thing in things]


def _sampled_sets(class_sets: list[list[str]], generator: np.random.Generator) -> list[dict]:
    texts = []
    for members in class_sets:
        if len(members) < 4:
            continue
        for _ in range(5):
            size = int(generator.integers(3, len(members) + 1))
            subset = [members[i] for i in sorted(generator.choice(len(members), size=size, replace=False))]
            texts.append(_photo_of(subset, "sampled_set", members))
    return texts


def label_matrix(texts: list[dict], names: tuple[str, ...]) -> np.ndarray:
    """Labels (N, K) int8 of texts: 1 where a text names a class."""
    column_of = {name: k for k, name in enumerate(names)}
    labels = np.zeros((len(texts), len(names)), dtype=np.int8)
    for row, text in enumerate(texts):
        labels[row, [column_of[name] for name in text["labels"]]] = 1
    return labels
