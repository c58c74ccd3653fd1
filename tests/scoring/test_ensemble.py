"""Ensembles worked by hand, and the reference's fixed choice as data."""

import json
from pathlib import Path

import numpy as np
import pytest
from tests.conftest import ROOT
from tests.scoring.closeness import assert_close

from lexiclip.errors import InputError
from lexiclip.params import load_params
from lexiclip.scoring.ensemble import (
    Ensemble,
    choose_by_caption_ap,
    class_mask,
    join,
    load_ensemble,
    mean_standardised,
    read_caption_ap,
    read_choice,
)
from lexiclip.scoring.fusion import standardise
from lexiclip.scoring.lift import with_lift

REFERENCE = Path(__file__).parents[2] / "data" / "ensembles" / "reference_coco.json"
VARIANTS = ("best", "ema", "zema", "diff", "diffh", "difft")
ALL = np.ones((3, 4), dtype=bool)  # mask (V, K)
MASK = np.array([[True, True, True, True], [True, False, True, False], [False, False, True, True]])


def drawn(*shape):
    return np.random.default_rng(0).normal(size=shape)


def test_only_unmasked_variants_count():
    scores = drawn(3, 5, 4)
    alike = standardise(scores)
    mean = mean_standardised(scores, MASK)
    assert_close(mean[:, 0], (alike[0] + alike[1])[:, 0] / 2)
    assert_close(mean[:, 1], alike[0, :, 1])
    assert_close(mean[:, 2], alike[:, :, 2].mean(0))


def test_a_variant_of_hard_classes_is_excluded_elsewhere_unless_all_are():
    assert class_mask([["fork"], []], ["fork", "dog"]).tolist() == [[True, False], [True, True]]
    assert class_mask([["fork"], ["cup"]], ["fork", "cup", "dog"]).tolist() == [
        [True, False, True],
        [False, True, True],
    ]


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
    with pytest.raises(InputError, match=r"ema\.json .train again.: per_class: field required"):
        read_caption_ap(paths, ("cat",))
    paths[1].write_text('{"per_class": {"cat": [1.0]}}')
    with pytest.raises(
        InputError, match=r"ema\.json .train again.: per_class\.cat: input should be a valid number"
    ):
        read_caption_ap(paths, ("cat",))


def test_every_rule():
    scores, prototypes = drawn(2, 5, 3), 7 * drawn(1, 5, 3)[0]
    lift = np.ones((3, 3)) - np.eye(3)
    ensemble = Ensemble(("best", "ema"), np.array([1, 0, 1]), ALL[:2, :3], lift)
    joined = join({"ema": scores[1], "prototypes": prototypes, "best": scores[0]}, ensemble)
    both = (standardise(joined["mean"]) + standardise(prototypes)) / 2
    assert_close(joined["ours"], with_lift(both, lift))
    assert not np.allclose(joined["ours"], standardise(both))
    assert_close(joined["mean"], standardise(scores).mean(0))
    assert_close(joined["class_advantage"][:, 1], standardise(scores[0])[:, 1])


def test_a_choice_may_name_classes_that_the_vocabulary_goes_without(tmp_path):
    path = tmp_path / "choice.json"
    path.write_text(json.dumps({"best": ["cat", "emu"], "ema": ["dog"]}))
    assert read_choice(path, ("best", "ema"), ("cat", "dog"), left_out=["emu"]).tolist() == [0, 1]
    with pytest.raises(InputError, match="the vocabulary has no class 'emu'"):
        read_choice(path, ("best", "ema"), ("cat", "dog"))


def test_a_missing_choice_is_told_with_its_param(tmp_path):
    params = load_params(ROOT / "params.yaml")
    chosen = params.ensemble.model_copy(update={"choice": str(tmp_path / "choice.json")})
    with pytest.raises(InputError, match=r"no such file: name one that exists in ensemble\.choice"):
        load_ensemble(params.model_copy(update={"ensemble": chosen}), ("cat", "dog"))


def test_reference_choice_is_that_of_coco_indices(shared_files):
    (path,) = shared_files("photos/coco/instances.json")
    categories = json.loads(path.read_text())["categories"]
    names = [category["name"] for category in sorted(categories, key=lambda category: category["id"])]
    choice = read_choice(REFERENCE, VARIANTS, names)
    assert np.bincount(choice).tolist() == [25, 26, 13, 4, 4, 8]
    for variant, classes in {
        "diff": [13, 22, 42, 78],
        "diffh": [24, 26, 47, 56],
        "zema": [0],
        "ema": [2],
    }.items():
        assert {VARIANTS[v] for v in choice[classes]} == {variant}


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        ({"best": ["cat"]}, "no variant for dog"),
        ({"best": ["cat", "dog"], "ema": ["dog"]}, "'dog' is chosen twice"),
        ({"best": ["cat", "dog", "cow"]}, "best: the vocabulary has no class 'cow'"),
        ({"worst": ["cat", "dog"]}, "unknown variant 'worst': choose from best, ema"),
        (["cat"], "input should be a valid dictionary"),
        ({"best": "cat"}, "best: input should be a valid list"),
        ({"best": [["cat"]]}, "best.0: input should be a valid string"),
    ],
)
def test_bad_choice_names_file_and_class(tmp_path, chosen, message):
    path = tmp_path / "choice.json"
    path.write_text(json.dumps(chosen))
    with pytest.raises(InputError, match=message) as error:
        read_choice(path, ("best", "ema"), ("cat", "dog"))
    assert "choice.json" in str(error.value)
