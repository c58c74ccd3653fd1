"""A language model's verdicts on captions and class sets: who is asked what, and what is dropped (METHOD §1).

A verdict is a row {"judge", "text" or not, "names", "answer"}; kept is what every judge calls True.
"""

from lexiclip.captions.instructions import instruction


def caption_questions(captions: list[dict], judges: list[str], prompts: dict) -> list[tuple[dict, str]]:
    """What each of `judges` ("filter", "check") is asked about each caption {"text", "names": asked for}."""
    return [
        (
            {"judge": judge, "text": caption["text"], "names": caption["names"]},
            instruction(prompts, judge, caption["names"], caption["text"]),
        )
        for judge in judges
        for caption in captions
    ]


def set_questions(class_sets: list[list[str]], prompts: dict) -> list[tuple[dict, str]]:
    """Whether the classes of each set may share a scene."""
    return [
        ({"judge": "share_scene", "names": members}, instruction(prompts, "share_scene", members))
        for members in class_sets
    ]


def says_true(answer: str) -> bool:
    """The reference's reading of a verdict: it has "True" and not "False"."""
    return "True" in answer and "False" not in answer


def rejected_texts(verdicts: list[dict], judge: str) -> set[str]:
    """The captions that `judge` does not call True."""
    return {row["text"] for row in verdicts if row["judge"] == judge and not says_true(row["answer"])}
