"""Answers in, labelled captions out, and how many each rule and judge left (METHOD §1, "Rules", "Judge")."""

from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
from pydantic import BaseModel

from lexiclip.captions.parsing import broken_rule, parse_answer
from lexiclip.files import read_jsonl
from lexiclip.validation import checked
from lexiclip.vocabulary import Vocabulary

RULES = ("cjk", "control", "short", "long", "no_class", "asked_class_missing", "duplicate")


class Answer(BaseModel):
    names: list[str]  # the classes asked for
    answer: str


def read_answers(path: str | Path) -> list[dict]:
    """The rows {"names", "answer"} of an answers file. InputError names the first row that is none."""
    rows = read_jsonl(path)
    for number, row in enumerate(rows, start=1):
        checked(Answer, row, f"{path}, row {number}")
    return rows


def filter_answers(
    answers: list[dict],
    vocabulary: Vocabulary,
    caption_set: str,
    *,
    max_characters: int,
    needs_asked: bool,
    adds_asked: bool,
) -> tuple[list[dict], dict]:
    """Captions {"text", "labels", "source", "names"} of answers {"names", "answer"}, each text once; counts.

    `needs_asked` drops a caption that leaves out a class it was asked for; `adds_asked` gives a caption the
    classes it was asked for besides those its text names. The counts: asked, answered (with a caption or
    more), parsed (captions), left after each of RULES in turn.
    """
    kept, seen, taken = [], set(), Counter()
    answered = parsed = 0
    for answer in answers:
        captions = parse_answer(answer["answer"])
        answered, parsed = answered + bool(captions), parsed + len(captions)
        for text in captions:
            named = vocabulary.labels(text)
            labels = vocabulary.in_order([*named, *answer["names"]]) if adds_asked else named
            reason = (
                broken_rule(text, max_characters)
                or (not labels and "no_class")
                or (needs_asked and not set(answer["names"]) <= set(named) and "asked_class_missing")
                or (text.lower() in seen and "duplicate")
            )
            if reason:
                taken[reason] += 1
            else:
                seen.add(text.lower())
                names = answer["names"] or labels  # human-written captions were asked for nothing
                kept.append({"text": text, "labels": labels, "source": caption_set, "names": names})
    left, left_after = parsed, {}
    for rule in RULES:
        left -= taken[rule]
        left_after[rule] = left
    return kept, {"asked": len(answers), "answered": answered, "parsed": parsed, "left_after": left_after}


def dropped(counts: dict) -> dict[str, int]:
    """How many captions each rule and judge dropped, from the counts of `filter_answers`."""
    left = [counts["parsed"], *counts["left_after"].values()]
    taken = [before - after for before, after in pairwise(left)]
    return dict(zip(counts["left_after"], taken, strict=True))


def describe(captions: list[dict], names: tuple[str, ...]) -> dict:
    """How many captions there are, how long in characters, with how many classes, and how many name each."""
    length = np.array([len(caption["text"]) for caption in captions] or [0])
    per_class = Counter(name for caption in captions for name in caption["labels"])
    return {
        "kept": len(captions),
        "characters": {
            "mean": round(float(length.mean()), 1),
            "median": float(np.median(length)),
            "longest": int(length.max()),
        },
        "classes_per_caption": round(sum(per_class.values()) / max(len(captions), 1), 3),
        "fewest_per_class": min(per_class[name] for name in names),
        "per_class": {name: per_class[name] for name in names},
    }
