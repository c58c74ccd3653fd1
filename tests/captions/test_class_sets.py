"""Class sets that share a scene: drawn from affinities, read from a chat model's answers; a real ranking."""

from itertools import product

import numpy as np
import pytest

from lexiclip.captions.class_sets import class_affinity, proposal_questions, propose_sets, sets_in_answers
from lexiclip.vocabulary import Vocabulary

NAMES = list("abcdefgh")
WORDS = Vocabulary(
    ("person", "dog", "cup", "car"),
    {"person": "person", "man": "person", "dog": "dog", "cup": "cup", "car": "car"},
)
BELIEVABLE = (
    "fork knife, keyboard mouse, zebra giraffe, skis snowboard, couch chair, apple banana, cat dog, bus car, "
    "sheep cow, cup spoon"
)
ABSURD = (
    "fork giraffe, keyboard sheep, zebra cup, skis banana, couch cow, apple bus, snowboard spoon, car knife, "
    "mouse skis, cat snowboard"
)


def draw(affinity, count=30, seed=0):
    return propose_sets(affinity, NAMES, count=count, sizes=[2, 3], share=0.4, seed=seed)


def test_sets_are_distinct_in_class_order_from_each_class_and_the_same_for_a_seed():
    two_worlds = np.full((8, 8), -2.0)  # the first four classes belong together and the last four do
    two_worlds[:4, :4] = two_worlds[4:, 4:] = 2.0
    np.fill_diagonal(two_worlds, 0)
    sets = draw(two_worlds)
    assert len({tuple(members) for members in sets}) == len(sets)
    assert all(members == sorted(members) and 2 <= len(members) <= 3 for members in sets)
    assert {name for members in sets for name in members} == set(NAMES)
    assert draw(two_worlds, count=8) == draw(two_worlds, count=8) != draw(two_worlds, count=8, seed=1)


def test_likely_pairs_are_drawn_far_more_often():
    affinity = np.random.default_rng(0).normal(size=(8, 8)) * 0.01
    affinity[0, 1] = affinity[1, 0] = 6.0
    np.fill_diagonal(affinity, 0)
    sets = [draw(affinity, count=1, seed=seed)[0] for seed in range(40)]
    assert sum({"a", "b"} <= set(members) for members in sets) > 30


@pytest.mark.slow
def test_likelihood_ranks_believable_pairs_above_absurd_ones(smollm2):
    believable, absurd = ([pair.split() for pair in listed.split(", ")] for listed in (BELIEVABLE, ABSURD))
    names = [name for pair in believable for name in pair]
    affinity = class_affinity(smollm2, names)
    good, bad = (
        [affinity[names.index(a), names.index(b)] for a, b in pairs] for pairs in (believable, absurd)
    )
    won = sum(one > other for one, other in product(good, bad))
    assert won >= 95, f"a believable pair is ranked above an absurd one in {won} of 100 cases"


def test_affinity_is_symmetric_and_without_a_diagonal(tiny_lm):
    affinity = class_affinity(tiny_lm, ["fork", "knife", "traffic light"])
    assert np.array_equal(affinity, affinity.T) and not affinity.diagonal().any()
    assert np.abs(affinity[np.triu_indices(3, 1)]).min() > 0


def test_a_question_names_distinct_classes_at_random():
    names = [f"class {k}" for k in range(30)]
    questions = proposal_questions(names, count=50, size=10, seed=1)
    assert len(questions) == 50 and all(len(set(asked)) == 10 for asked in questions)
    assert {name for asked in questions for name in asked} == set(names)
    assert questions == proposal_questions(names, count=50, size=10, seed=1)
    assert questions != proposal_questions(names, count=50, size=10, seed=2)
    assert sorted(proposal_questions(names[:4], count=1, size=10, seed=1)[0]) == names[:4]


def test_each_line_that_names_two_classes_is_a_set():
    answers = [
        "Sure, here are the combinations of man, dog, cup and car:\n1. Dog and man\n2. A cup on its own",
        "1. man, dog 2. a car and a dog\n- cup + car",
        "None of these.",
        "",
    ]
    assert sets_in_answers(answers, WORDS) == [["person", "dog"], ["dog", "car"], ["cup", "car"]]
