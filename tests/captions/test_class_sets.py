"""Class sets that share a scene: drawn from affinities; what is asked of each set; a real model's ranking."""

from itertools import product

import numpy as np
import pytest

from lexiclip.captions.class_sets import class_affinity, propose_sets, sets_to_ask

NAMES = list("abcdefgh")


@pytest.fixture
def two_worlds():
    """Of eight classes the first four belong together and the last four do."""
    affinity = np.full((8, 8), -2.0)
    affinity[:4, :4] = affinity[4:, 4:] = 2.0
    np.fill_diagonal(affinity, 0)
    return affinity


def draw(affinity, count=30, seed=0):
    return propose_sets(affinity, NAMES, count=count, sizes=[2, 3], share=0.4, seed=seed)


def test_sets_are_distinct_in_class_order_and_start_from_each_class(two_worlds):
    sets = draw(two_worlds)
    assert len({tuple(members) for members in sets}) == len(sets)
    assert all(members == sorted(members) and 2 <= len(members) <= 3 for members in sets)
    assert {name for members in sets for name in members} == set(NAMES)


def test_same_seed_same_sets_and_another_seed_others(two_worlds):
    assert draw(two_worlds, count=8) == draw(two_worlds, count=8)
    assert draw(two_worlds, count=8) != draw(two_worlds, count=8, seed=1)


def test_likely_company_is_drawn_far_more_often():
    generator = np.random.default_rng(0)
    affinity = generator.normal(size=(8, 8)) * 0.01
    affinity[0, 1] = affinity[1, 0] = 6.0
    np.fill_diagonal(affinity, 0)
    sets = [draw(affinity, count=1, seed=seed)[0] for seed in range(40)]
    assert sum({"a", "b"} <= set(members) for members in sets) > 30


def test_what_is_asked_of_each_set_and_class():
    sets = [["a", "b"], ["b", "c"]]
    assert sets_to_ask(sets, ["a", "b", "c"], 2, 1, None) == [
        ["a", "b"],
        ["a", "b"],
        ["b", "c"],
        ["b", "c"],
        ["a"],
        ["b"],
        ["c"],
    ]
    # The challenge set: each set ∩ the challenge classes, if not empty, each once.
    assert sets_to_ask(sets, ["a", "b", "c"], 1, 1, ["b", "d"]) == [["b"], ["b"]]
    assert sets_to_ask(sets, ["a", "b", "c"], 1, 0, ["a", "c"]) == [["a"], ["c"]]


def test_likelihood_tells_believable_pairs_from_absurd_ones(smollm2):
    believable = [
        ("fork", "knife"),
        ("keyboard", "mouse"),
        ("zebra", "giraffe"),
        ("skis", "snowboard"),
        ("couch", "chair"),
        ("apple", "banana"),
        ("cat", "dog"),
        ("bus", "car"),
        ("sheep", "cow"),
        ("cup", "spoon"),
    ]
    absurd = [
        ("fork", "giraffe"),
        ("keyboard", "sheep"),
        ("zebra", "cup"),
        ("skis", "banana"),
        ("couch", "cow"),
        ("apple", "bus"),
        ("snowboard", "spoon"),
        ("car", "knife"),
        ("mouse", "skis"),
        ("cat", "snowboard"),
    ]
    names = [name for pair in believable for name in pair]
    affinity = class_affinity(smollm2, names)
    assert np.allclose(affinity, affinity.T) and not affinity.diagonal().any()

    def rating(pair):
        return affinity[names.index(pair[0]), names.index(pair[1])]

    won = sum(rating(good) > rating(bad) for good, bad in product(believable, absurd))
    assert won >= 95, f"a believable pair is rated above an absurd one in {won} of 100 cases"
