"""Class sets that a chat model lists when asked which classes appear together (METHOD §1, "propose")."""

import numpy as np

from lexiclip.captions.parsing import parse_answer
from lexiclip.vocabulary import Vocabulary


def proposal_questions(names: list[str], *, count: int, size: int, seed: int) -> list[list[str]]:
    """The `size` random class names of each of `count` questions for combinations (METHOD §1, "multi")."""
    generator = np.random.default_rng(seed)
    size = min(size, len(names))
    return [[names[k] for k in generator.choice(len(names), size, replace=False)] for _ in range(count)]


def sets_in_answers(answers: list[str], vocabulary: Vocabulary) -> list[list[str]]:
    """The class sets that answers propose: the classes named in a line, if two or more; sorted and unique."""
    lines = [line for answer in answers for line in parse_answer(answer)]
    rank = {name: k for k, name in enumerate(vocabulary.names)}
    found = {tuple(vocabulary.labels(line)) for line in lines}
    return [
        list(members)
        for members in sorted(found, key=lambda members: [rank[name] for name in members])
        if len(members) >= 2
    ]
