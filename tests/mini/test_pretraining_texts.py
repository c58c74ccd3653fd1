"""What pretraining reads: captions that are short enough, templates, the sprites of each thing they name."""

import pytest
import torch

from lexiclip.clip.loading import tokenize
from lexiclip.mini.pretraining_texts import MOST_NAMED, MOST_TOKENS, pretraining_texts
from lexiclip.mini.sprites import Sprites

NAMES = ("dog", "cat", "fork", "knife", "cup")
CAPTIONS = [
    {"text": "A dog sleeps beside a cat.", "labels": ["dog", "cat"]},
    {"text": "A fork.", "labels": ["fork"]},
    {"text": "A dog, a cat, a fork, a knife and a cup.", "labels": list(NAMES)},  # names too many
    {"text": "A cup" + " and a cup" * MOST_TOKENS + ".", "labels": ["cup"]},  # too long
]


@pytest.fixture(scope="module")
def sprites():
    shown = [["dog"], ["dog"], ["cat"], ["fork", "knife"], ["knife"], ["cup"], [], []]
    labels = torch.tensor([[name in names for name in NAMES] for names in shown])
    things = [*(" and ".join(names) for names in shown[:-2]), "rabbit", ""]
    return Sprites(torch.zeros(0), labels, things)


def made(sprites, captions=CAPTIONS, templates=300, seed=0):
    return pretraining_texts(captions, NAMES, sprites, templates=templates, caption_share=0.4, seed=seed)


def of_slot(row):
    return {int(sprite) for sprite in row if sprite >= 0}


def test_captions_come_first_with_the_sprites_of_their_classes(sprites):
    texts = made(sprites)
    assert len(texts.tokens) == len(texts.sprites) == len(texts.weight) == 2 + 300
    longest = int(texts.tokens.argmax(1).max()) + 1
    assert texts.tokens.shape[1] == longest <= MOST_TOKENS < 77  # cut behind the longest
    assert torch.equal(texts.tokens[:2], tokenize([row["text"] for row in CAPTIONS[:2]])[:, :longest])
    assert texts.sprites.shape[1] == MOST_NAMED
    assert [of_slot(slot) for slot in texts.sprites[0]] == [{0, 1}, {2}, set(), set()]
    assert [of_slot(slot) for slot in texts.sprites[1]] == [{3}, set(), set(), set()]


def test_templates_name_all_things_that_have_a_name_and_classes_more_often(sprites):
    texts = made(sprites, templates=600)
    shown = [[of_slot(slot) for slot in row] for row in texts.sprites[2:]]
    counts = [sum(bool(slot) for slot in row) for row in shown]
    assert set(counts) == {1, 2, 3} and 0.4 < counts.count(1) / len(counts) < 0.6
    named = [frozenset(slot) for row in shown for slot in row if slot]
    dog, cat, fork, knife, cup, rabbit = map(frozenset, ([0, 1], [2], [3], [3, 4], [5], [6]))
    assert set(named) == {dog, cat, fork, knife, cup, rabbit}  # no clutter
    assert named.count(rabbit) < 0.75 * named.count(cat)


def test_a_template_names_what_its_sprites_show(sprites):
    cat, cup = (int(tokenize([word])[0, 1]) for word in ("cat", "cup"))
    texts = made(sprites)
    for tokens, choices in zip(texts.tokens, texts.sprites, strict=True):
        shown = set().union(*(of_slot(slot) for slot in choices))
        assert (cat in tokens) == (2 in shown) and (cup in tokens) == (5 in shown)


def test_a_seed_gives_the_same_templates_and_another_seed_others(sprites):
    first, again, other = (made(sprites, seed=seed) for seed in (0, 0, 1))
    assert torch.equal(first.tokens, again.tokens) and torch.equal(first.sprites, again.sprites)
    assert not torch.equal(first.sprites, other.sprites)
    assert torch.equal(first.tokens[:2, :8], other.tokens[:2, :8])  # the captions do not move
