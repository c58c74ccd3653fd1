"""What the server of these tests answers, after a hundredth of a second."""

import itertools
import re
import time


def reply(question: dict) -> tuple[int, dict]:
    """Lists combinations, writes a caption a question, likes them all."""
    time.sleep(0.01)
    if "prompt" in question:  # a line to finish, such as "dog, frisbee:"
        names = question["prompt"].split("\n")[-1].rstrip(":").replace(", ", " and a ")
        choice = {"text": f" A {names} in picture {question['seed']}."}
    else:
        asked = question["messages"][0]["content"]
        names = re.search(r"\[(.*?)\]", asked)
        choice = {"message": {"content": combinations(names[1]) if names else "True"}}
    return 200, {"choices": [choice]}


def combinations(names: str) -> str:
    """Each of the classes "a, b and c" with the next."""
    listed = names.replace(" and ", ", ").split(", ")
    return "\n".join(f"{i}. {a} and {b}" for i, (a, b) in enumerate(itertools.pairwise(listed), 1))
