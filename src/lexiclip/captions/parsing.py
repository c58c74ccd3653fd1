"""A language model's answer in, single captions out; the rules a caption must pass (METHOD §1, "Parse")."""

import json
import re
from contextlib import suppress

MARKER = re.compile(r"(?:^|(?<=\s))[(]?(\d{1,3})(?:[.)]\s+|[.)](?=[^\W\d]|[\"'\u201c]))")
LEAD_IN = re.compile(
    r"(?i)(sure|certainly|of course|okay|i hope|i can help|i'd be happy|i'll|i apologi[sz]e|i'm sorry"
    r"|sorry|as an ai|here are|let me know|note that|please|these (sentences|descriptions|captions))\b"
    r"|.*:$|\d+[.)]?$"
)
HEADING = re.compile(r"(?i)^(image|picture|scene|sentence|caption|description)( description)? ?\d*: +")
# Markers that stand at the head of a line alone: "+ A dog", "a) A dog", "[1] A dog", "1 - A dog", "1: A dog".
BULLET = re.compile(r"(\+|\[\d{1,3}\]|\d{1,3}\s*[-:\u3001]|\(?[a-z]\))\s*(?=\S)")
BOLD_HEADING = re.compile(r"[\w ]{1,40}:?\*\*:?\s+")  # what is left of "**Park**: A dog"
THOUGHT = re.compile(r"<think>.*\Z", re.DOTALL)
ASCII = str.maketrans("\uff0c\u3002\uff01\uff1f\uff1a\uff1b\uff08\uff09", ",.!?:;()")
QUOTES = {'"': '"', "'": "'", "\u201c": "\u201d", "\u2018": "\u2019"}
CJK = re.compile(r"[\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\ufe30-\ufe4f\uff00-\uffef\U00020000-\U0003ffff]")
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\ufeff\ufffd]")


def without_thoughts(answer: str) -> str:
    """What a reasoning model answers after its <think>…</think>; nothing if it never stopped thinking."""
    return THOUGHT.sub("", answer.rpartition("</think>")[2])


def parse_answer(answer: str) -> list[str]:
    """The captions of an answer, split at line ends and "N. " markers; lead-ins ("Sure, here are") fall away.

    Thoughts, bullets, headings ("Image 2:") and surrounding quotes are dropped, runs of spaces become one,
    full-width punctuation becomes ASCII. A JSON list of texts has one caption an item.
    """
    answer = without_thoughts(answer).translate(ASCII)
    with suppress(ValueError, RecursionError):
        listed = json.loads(answer)
        if isinstance(listed, list) and all(isinstance(text, str) for text in listed):
            answer = "\n".join(listed)
    pieces = [piece for line in answer.splitlines() for piece in _split_at_markers(line)]
    return [caption for caption in map(_bare, pieces) if caption and not LEAD_IN.match(caption)]


def broken_rule(caption: str, max_characters: int) -> str | None:
    """The first rule a caption breaks ("cjk", "control", "short", "long"), None if it is fit to keep."""
    if CJK.search(caption):
        return "cjk"
    if CONTROL.search(caption):
        return "control"
    if len(caption) <= 5:
        return "short"
    return "long" if len(caption) > max_characters else None


def _split_at_markers(line: str) -> list[str]:
    pieces, start, number = [], 0, None
    for marker in MARKER.finditer(line):
        before = line[: marker.start()].rstrip()
        # "a table for 6. The room" has no marker: one follows a sentence's end or counts on.
        if not before or before[-1] in ".!?:;\"'\u201d)" or int(marker[1]) == (number or 0) + 1:
            pieces.append(line[start : marker.start()])
            start, number = marker.end(), int(marker[1])
    return [*pieces, line[start:]]


def _bare(piece: str) -> str:
    caption = " ".join(piece.split()).strip("*_# ").lstrip("-\u2013\u2022\u00b7 ")
    for before in (BULLET, BOLD_HEADING, HEADING):
        caption = caption[found.end() :] if (found := before.match(caption)) else caption
    inside, closing = caption[1:], QUOTES.get(caption[:1])
    if closing and closing not in inside[:-1]:
        return inside.removesuffix(closing).strip()
    # A lone quote at the end is what a cut-off answer leaves of a quoted caption.
    return caption[:-1].strip() if caption.count('"') == 1 and caption.endswith('"') else caption
