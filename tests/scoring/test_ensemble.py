"""Ensembles worked by hand, and the reference's fixed choice as data."""

import json
from pathlib import Path

import numpy as np
import pytest

from lexiclip.errors import InputError
from lexiclip.scoring.ensemble import (
    choose_by_caption_ap,
    class_advantage,
    join,
    mean_standardised,
    read_caption_ap,
    read_choice,
    votes,
)
from lexiclip.scoring.fusion import standardise

REFERENCE = Path(__file__).parents[2] / "data" / "ensembles" / "reference_coco.json"
VARIANTS = ("best", "ema", "zema", "diff", "diffh", "difft")
ALL = np.ones((3, 4), dtype=bool)  # votes (V, K)
VOTES = np.array([[True, True, True, True], [True, False, True, False], [False, False, True, True]])


def assert_close(actual, expected):
    """Equal up to the rounding of float64."""
    np.testing.assert_allclose(actual, expected, rtol=1e-12, atol=1e-12)


def drawn(*shape):
    return np.random.default_rng(0).normal(size=shape)


def test_mean_standardised_worked_by_hand():
    scores = np.array([[[1.0, 2.0, 3.0]], [[30.0, 20.0, 10.0]]])  # (2, 1, 3): opposite orders cancel
    assert_close(mean_standardised(scores, ALL[:2, :3]), np.zeros((1, 3)))
    assert_close(mean_standardised(scores[:1], ALL[:1, :3]), [[-1, 0, 1]])


def test_mean_standardised_of_an_image_does_not_depend_on_the_others():
    scores = drawn(3, 5, 4)
    assert_close(mean_standardised(scores, VOTES)[2:3], mean_standardised(scores[:, 2:3], VOTES))


def test_only_variants_with_a_say_count():
    scores = drawn(3, 5, 4)
    alike = standardise(scores)
    mean = mean_standardised(scores, VOTES)
    assert_close(mean[:, 0], (alike[0] + alike[1])[:, 0] / 2)
    assert_close(mean[:, 1], alike[0, :, 1])
    assert_close(mean[:, 2], alike[:, :, 2].mean(0))


def test_a_variant_of_hard_classes_has_a_say_about_these_and_all_have_where_none_has():
    assert votes([["fork"], []], ["fork", "dog"]).tolist() == [[True, False], [True, True]]
    assert votes([["fork"], ["cup"]], ["fork", "cup", "dog"]).tolist() == [
        [True, False, True],
        [False, True, True],
    ]


def test_class_advantage_takes_columns():
    scores = np.arange(12.0).reshape(2, 2, 3)
    choice = np.array([1, 0, 1])
    expected = [[scores[v, n, k] for k, v in enumerate(choice)] for n in range(2)]
    assert class_advantage(scores, choice).tolist() == expected


def test_choice_by_caption_ap():
    nan = float("nan")
    caption_ap = np.array([[0.5, 0.2, nan, nan, 0.0], [0.5, 0.9, 0.1, nan, nan], [0.4, 0.9, 0.3, nan, 0.0]])
    assert choose_by_caption_ap(caption_ap).tolist() == [0, 1, 2, 0, 0]


def test_choice_from_files_of_caption_ap(tmp_path):
    paths = [tmp_path / "best.json", tmp_path / "ema.json"]
    for path, per_class in zip(paths, ({"dog": 90.0, "cat": 20.0}, {"dog": 80.0, "cow": 1.0}), strict=True):
        path.write_text(json.dumps({"mAP": 50.0, "per_class": per_class}))
    assert choose_by_caption_ap(read_caption_ap(paths, ("cat", "dog", "cow", "emu"))).tolist() == [0, 0, 1, 0]
    paths[1].write_text("{}")
    with pytest.raises(InputError, match=r"ema\.json: expected AP on held-out captions"):
        read_caption_ap(paths, ("cat",))
    paths[1].write_text('{"per_class": {"cat": [1.0]}}')
    with pytest.raises(InputError, match=r"ema\.json: per_class: expected numbers"):
        read_caption_ap(paths, ("cat",))


def test_both_rules():
    scores = drawn(2, 5, 3)
    joined = join(scores, np.array([1, 0, 1]), ALL[:2, :3])
    assert_close(joined["mean"], standardise(scores).mean(0))
    assert_close(joined["class_advantage"][:, 1], standardise(scores[0])[:, 1])


def test_a_choice_may_name_classes_that_the_vocabulary_goes_without(tmp_path):
    path = tmp_path / "choice.json"
    path.write_text(json.dumps({"best": ["cat", "emu"], "ema": ["dog"]}))
    assert read_choice(path, ("best", "ema"), ("cat", "dog"), left_out=["emu"]).tolist() == [0, 1]
    with pytest.raises(InputError, match="unknown class 'emu'"):
        read_choice(path, ("best", "ema"), ("cat", "dog"))


def test_reference_choice_names_each_class_once():
    chosen = json.loads(REFERENCE.read_text())
    names = [name for classes in chosen.values() for name in classes]
    assert len(names) == len(set(names)) == 80
    assert [len(chosen[variant]) for variant in VARIANTS] == [25, 26, 13, 4, 4, 8]
    choice = read_choice(REFERENCE, VARIANTS, names)
    assert np.bincount(choice).tolist() == [25, 26, 13, 4, 4, 8]


def test_reference_choice_is_that_of_coco_indices(shared):
    categories = json.loads((shared / "photos" / "coco" / "instances.json").read_text())["categories"]
    names = [category["name"] for category in sorted(categories, key=lambda category: category["id"])]
    choice = read_choice(REFERENCE, VARIANTS, names)
    assert choice[[13, 22, 42, 78]].tolist() == [VARIANTS.index("diff")] * 4
    assert choice[[24, 26, 47, 56]].tolist() == [VARIANTS.index("diffh")] * 4
    assert choice[[0, 2, 79, 5]].tolist() == [VARIANTS.index(v) for v in ("zema", "ema", "difft", "best")]


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        ({"best": ["cat"]}, "no variant for dog"),
        ({"best": ["cat", "dog"], "ema": ["dog"]}, "'dog' is chosen twice"),
        ({"best": ["cat", "dog", "cow"]}, "unknown class 'cow'"),
        ({"worst": ["cat", "dog"]}, "unknown variant 'worst': choose from best, ema"),
        (["cat"], "expected variants with"),
        ({"best": "cat"}, "best: expected a list of class names"),
        ({"best": [["cat"]]}, "best: expected a list of class names"),
    ],
)
def test_bad_choice_names_file_and_class(tmp_path, chosen, message):
    path = tmp_path / "choice.json"
    path.write_text(json.dumps(chosen))
    with pytest.raises(InputError, match=message) as error:
        read_choice(path, ("best", "ema"), ("cat", "dog"))
    assert "choice.json" in str(error.value)
