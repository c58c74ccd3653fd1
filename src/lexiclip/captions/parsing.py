"""A language model's answer in, single captions out, and the rules a caption must pass (METHOD §1, "Parsing")."""

import re

MARKER = re.compile(r"(?:^|(?<=\s))\d{1,3}[.)]\s+")
CJK = re.compile(r"[\u3000-\u303f\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff00-\uffef]")
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def parse_answer(answer: str) -> list[str]:
    """The captions of an answer: split at line ends and at "N. " markers; lead-ins ("Sure, here are:") fall away."""
    captions = []
    for line in answer.splitlines():
        for piece in MARKER.split(line):
            caption = piece.strip().lstrip("-*• ").strip(" \"“”'")
            if caption and not caption.endswith(":"):
                captions.append(caption)
    return captions


def broken_rule(caption: str) -> str | None:
    """The first rule a caption breaks ("cjk", "control", "short", "long"), None if it is fit to keep."""
    if CJK.search(caption):
        return "cjk"
    if CONTROL.search(caption):
        return "control"
    if len(caption) <= 5:
        return "short"
    return "long" if len(caption) >= 150 else None
