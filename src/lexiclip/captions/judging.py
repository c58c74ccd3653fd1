"""A language model's verdicts on captions and class sets (METHOD §1): what it is asked, what is dropped.

A verdict is a row {"judge", "text" of a caption, "names", "answer"}.
"""

from lexiclip.captions.instructions import instruction
from lexiclip.captions.parsing import without_thoughts


def caption_questions(captions: list[dict], judges: list[str], instructions: dict) -> list[tuple[dict, str]]:
    """What each of `judges` ("filter", "check") is asked about each caption {"text", "names": asked for}."""
    return [
        (
            {"judge": judge, "text": caption["text"], "names": caption["names"]},
            instruction(instructions, judge, caption["names"], caption["text"]),
        )
        for judge in judges
        for caption in captions
    ]


def set_questions(class_sets: list[list[str]], instructions: dict) -> list[tuple[dict, str]]:
    """Whether the classes of each set may share a scene."""
    return [
        ({"judge": "share_scene", "names": members}, instruction(instructions, "share_scene", members))
        for members in class_sets
    ]


def says_true(answer: str) -> bool:
    """Whether a verdict is positive, read as the reference does: it contains "True" and not "False"."""
    said = without_thoughts(answer)
    return "True" in said and "False" not in said


def drop_rejected(captions: list[dict], verdicts: list[dict], judges: list[str]) -> tuple[list[dict], dict]:
    """The captions that every judge calls True, and how many are left after each judge in turn."""
    left_after = {}
    for judge in judges:
        rejected = {row["text"] for row in verdicts if row["judge"] == judge and not says_true(row["answer"])}
        captions = [caption for caption in captions if caption["text"] not in rejected]
        left_after[f"judge_{judge}"] = len(captions)
    return captions, left_after
