"""Answers in, labelled captions out, with a count of what each rule took away (METHOD §1, "filter")."""

from collections import Counter

from lexiclip.captions.parsing import broken_rule, parse_answer
from lexiclip.errors import InputError
from lexiclip.vocabulary import Vocabulary


def filter_answers(
    answers: list[dict], vocabulary: Vocabulary, caption_set: str, *, needs_asked: bool, adds_asked: bool
) -> tuple[list[dict], dict[str, int]]:
    """Captions {"text", "labels", "source"} of answers {"names", "answer"}, each text once, and the counts.

    `needs_asked` drops a caption that leaves out a class it was asked for; `adds_asked` gives a caption the
    classes it was asked for besides those its text names. InputError if no caption is left.
    """
    kept, seen, counts = [], set(), Counter(asked=len(answers))
    for answer in answers:
        captions = parse_answer(answer["answer"])
        counts.update(answered=bool(captions), parsed=len(captions))
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
                kept.append({"text": text, "labels": labels, "source": caption_set})
            else:
                counts[f"dropped_{reason}"] += 1
    if not kept:
        raise InputError(
            f"caption set {caption_set!r}: none of {len(answers)} answers is left after the rules"
        )
    counts["kept"] = len(kept)
    return kept, dict(sorted(counts.items()))
