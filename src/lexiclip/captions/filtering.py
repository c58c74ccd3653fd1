"""Answers in, labelled captions out, with a count of what each rule and judge left (METHOD §1, "filter")."""

import reprlib
from collections import Counter
from pathlib import Path

import numpy as np

from lexiclip.captions.judging import rejected_texts
from lexiclip.captions.parsing import broken_rule, parse_answer
from lexiclip.errors import InputError
from lexiclip.files import read_jsonl
from lexiclip.vocabulary import Vocabulary

RULES = ("cjk", "control", "short", "long", "no_class", "asked_class_missing", "duplicate")


def read_answers(path: str | Path) -> list[dict]:
    """The rows {"names", "answer"} of an answers file. InputError names the first row that is none."""
    rows = read_jsonl(path)
    for number, row in enumerate(rows, start=1):
        names, answer = row.get("names"), row.get("answer")
        if not isinstance(names, list) or not all(isinstance(text, str) for text in [answer, *names]):
            raise InputError(
                f"{path}, row {number}: expected a list `names` and a text `answer`, got {reprlib.repr(row)}"
            )
    return rows


def filter_answers(
    answers: list[dict], vocabulary: Vocabulary, caption_set: str, *, needs_asked: bool, adds_asked: bool
) -> tuple[list[dict], dict]:
    """Captions {"text", "labels", "source", "names"} of answers {"names", "answer"}, each text once; counts.

    `needs_asked` drops a caption that leaves out a class it was asked for; `adds_asked` gives a caption the
    classes it was asked for besides those its text names. The counts: asked, answered (with a caption or
    more), parsed (captions), left after each of RULES in turn.
    """
    kept, seen, dropped = [], set(), Counter()
    answered = parsed = 0
    for answer in answers:
        captions = parse_answer(answer["answer"])
        answered, parsed = answered + bool(captions), parsed + len(captions)
        for text in captions:
            named = vocabulary.labels(text)
            labels = vocabulary.in_order([*named, *answer["names"]]) if adds_asked else named
            reason = broken_rule(text)
            if reason is None and not labels:
                reason = "no_class"
            if reason is None and needs_asked and not set(answer["names"]) <= set(named):
                reason = "asked_class_missing"
            if reason is None and text.lower() in seen:
                reason = "duplicate"
            if reason is None:
                seen.add(text.lower())
                names = answer["names"] or labels  # a caption in the wild was asked for nothing
                kept.append({"text": text, "labels": labels, "source": caption_set, "names": names})
            else:
                dropped[reason] += 1
    left, left_after = parsed, {}
    for rule in RULES:
        left -= dropped[rule]
        left_after[rule] = left
    return kept, {"asked": len(answers), "answered": answered, "parsed": parsed, "left_after": left_after}


def drop_rejected(captions: list[dict], verdicts: list[dict], judges: list[str]) -> tuple[list[dict], dict]:
    """The captions that every judge calls True, and how many are left after each judge in turn."""
    left_after = {}
    for judge in judges:
        rejected = rejected_texts(verdicts, judge)
        captions = [caption for caption in captions if caption["text"] not in rejected]
        left_after[f"judge_{judge}"] = len(captions)
    return captions, left_after


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
