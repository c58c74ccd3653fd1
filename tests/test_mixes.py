"""Mixes counted by hand from METHOD §2: sources, limits, hard classes, held-out texts, determinism."""

import copy
from collections import Counter

import numpy as np
import pytest
from tests.conftest import ROOT

from lexiclip.errors import InputError
from lexiclip.files import read_yaml
from lexiclip.mixes import is_held_out, label_matrix, load_templates, load_things, mix_texts

NAMES = ("person", "dog", "fork", "knife", "vase")
SETS = [["person", "dog"], ["person", "fork", "knife", "vase"]]
CAPTIONS = {
    "multi": [
        {"text": f"A person and a dog, number {i}.", "labels": ["person", "dog"], "source": "multi"}
        for i in range(30)
    ],
    "single": [{"text": "A vase.", "labels": ["vase"], "source": "single"}],
    "challenge": [{"text": "A knife and a fork.", "labels": ["fork", "knife"], "source": "challenge"}],
    "wild": [],
}


def mixed(sources, *, things=("tree", "wall"), rare_classes=(), hard_classes=(), seed=0, names=NAMES):
    return mix_texts(
        names,
        CAPTIONS,
        SETS,
        sources,
        templates=read_yaml(ROOT / "src/lexiclip/templates/imagenet.yaml"),
        things=list(things),
        rare_classes=list(rare_classes),
        hard_classes=list(hard_classes),
        seed=seed,
    )


def count_sources(mix):
    return Counter(text["source"] for text in mix)


def test_how_many_texts_each_source_gives():
    counts = {
        "class": 5 * (9 + 80),
        "pair": 5 * 4 // 2 * 9,
        "person_pair": 4 * 9,
        "companion": 5 * 2,
        "set": 2,
        "sampled_set": 5,  # one set has four classes
        "multi": 30,
        "single": 1,
        "challenge": 1,
    }
    assert count_sources(mixed(dict.fromkeys(counts, True))) == counts


def test_an_underscore_is_a_space_in_the_text_alone():
    mix = mixed({"class": True, "pair": True}, names=("hot_dog", "vase"))
    assert {row["text"] for row in mix if row["labels"] == ["hot_dog"]} > {"a photo of a hot dog."}
    pair = {"text": "a photo of a hot dog and a vase.", "labels": ["hot_dog", "vase"], "source": "pair"}
    assert pair in mix and not [row for row in mix if "_" in row["text"]]


def test_texts_and_labels_as_method_writes_them():
    mix = mixed({"class": True, "pair": True, "companion": True, "set": True})
    labels_of = {(text["source"], text["text"]): text["labels"] for text in mix}
    assert labels_of["class", "a photo of a dog."] == ["dog"]
    assert labels_of["class", "a bad photo of a dog."] == ["dog"]  # one of CLIP's 80
    assert labels_of["pair", "a photo of a dog and a vase."] == ["dog", "vase"]
    assert labels_of["companion", "a photo of a vase and a tree."] == ["vase"]
    assert labels_of["set", "a photo of a person and a fork and a knife and a vase."] == SETS[1]


def test_a_sampled_set_is_labelled_with_the_whole_set():
    mix = mixed({"class": True, "sampled_set": True})
    sampled = [text for text in mix if text["source"] == "sampled_set"]
    assert len(sampled) == 5
    for text in sampled:
        named = text["text"].removeprefix("a photo of a ").removesuffix(".").split(" and a ")
        assert 3 <= len(named) <= 4 and set(named) <= set(SETS[1])
        assert text["labels"] == SETS[1]


def test_a_number_limits_a_source_false_leaves_it_out_and_x3_repeats_it():
    mix = mixed({"class": True, "multi": 7, "single": 7, "pair": False})
    assert count_sources(mix) == {"class": 445, "multi": 7, "single": 1}
    assert len({text["text"] for text in mix if text["source"] == "multi"}) == 7
    once, thrice = mixed({"class": True, "multi": True}), mixed({"class": True, "multi": "x3"})
    assert count_sources(thrice) == {"class": 445, "multi": 90}
    assert sorted(text["text"] for text in thrice[445:]) == sorted(3 * [text["text"] for text in once[445:]])


def test_companions_of_rare_classes_and_pairs_with_a_person():
    mix = mixed({"class": True, "companion": True, "person_pair": True}, rare_classes=["vase", "zebra"])
    companions = [text["text"] for text in mix if text["source"] == "companion"]
    assert companions == ["a photo of a vase and a tree.", "a photo of a vase and a wall."]
    pairs = [text for text in mix if text["source"] == "person_pair"]
    assert {text["text"] for text in pairs} == {f"a photo of a person and a {name}." for name in NAMES[1:]}
    assert pairs[0]["labels"] == ["person", "dog"]
    hard = mixed({"class": True, "person_pair": True}, hard_classes=["fork"])
    assert [text["labels"] for text in hard if text["source"] == "person_pair"] == 9 * [["fork"]]


def test_hard_classes_alone_are_kept_and_labelled():
    mix = mixed(
        {"class": True, "set": True, "multi": True, "challenge": True}, hard_classes=["knife", "vase"]
    )
    assert {name for text in mix for name in text["labels"]} == {"knife", "vase"}
    assert count_sources(mix) == {"class": 2 * 89, "set": 1, "challenge": 1}
    assert next(text for text in mix if text["source"] == "set")["labels"] == ["knife", "vase"]


@pytest.mark.parametrize(
    ("sources", "changed", "said"),
    [
        (["multi", "single"], {}, "^texts: no text of fork, knife: add"),
        (["multi"], {"hard_classes": ["dog", "knife"]}, "^texts: no text of knife: add"),
        (["class"], {"hard_classes": ["zebra"]}, "^hard_classes: none of zebra is a class"),
        (["person_pair"], {"names": ("dog", "fork")}, r"^texts\.person_pair: the vocabulary has"),
        (["class", "wild"], {}, r"^texts\.wild: data/captions/wild\.jsonl has no caption"),
        ([], {"names": (*"abcdefg",)}, "^texts: no text of a, b, c, d, e, …: add a source"),
    ],
)
def test_a_mix_without_texts_is_told(sources, changed, said):
    with pytest.raises(InputError, match=said):
        mixed(dict.fromkeys(sources, True), **changed)


def test_the_same_seed_gives_the_same_mix_another_one_does_not_and_inputs_stay_as_they_were():
    sources, before = {"class": True, "multi": 10, "sampled_set": True}, copy.deepcopy(CAPTIONS)
    assert mixed(sources) == mixed(sources) != mixed(sources, seed=1)
    mixed({"challenge": True}, hard_classes=["fork"])
    assert before == CAPTIONS


def test_held_out_texts_are_a_fixed_share_whatever_their_case():
    texts = [f"caption number {i}" for i in range(4000)]
    held_out = [text for text in texts if is_held_out(text, 0.1)]
    assert 320 < len(held_out) < 480
    assert all(is_held_out(text.upper(), 0.1) and is_held_out(text, 0.2) for text in held_out)


def test_label_matrix():
    labels = label_matrix([{"labels": ["dog", "vase"]}, {"labels": []}], NAMES)
    np.testing.assert_array_equal(labels, [[0, 1, 0, 0, 1], [0, 0, 0, 0, 0]])


@pytest.mark.parametrize(
    "listed", ["[a photo., 'a {}']", "['{} and {}']", "['{name}']", "['{} and {x}']", "['{']", "{}"]
)
def test_a_template_without_one_place_for_the_class_is_told(tmp_path, listed):
    path = tmp_path / "templates.yaml"
    path.write_text(listed)
    with pytest.raises(InputError, match=r"templates\.yaml: (expected|input)"):
        load_templates(path)
    path.write_text("[tree, no]")
    with pytest.raises(InputError, match=r"templates\.yaml: 1: input should be a valid string \(got False\)"):
        load_things(path)
