"""The variants of both profiles: METHOD's values stand in coco's; what does not fit is said in one line."""

from pathlib import Path

import pytest
import yaml
from tests.clones import committed

from lexiclip.errors import InputError
from lexiclip.params import load_params
from lexiclip.vocabulary import load_vocabulary

ROOT = Path(__file__).resolve().parents[1]

# METHOD §5: n, evidence, lr, warm-up epochs and rate, epochs, kept, hard classes
REFERENCE = {
    "best": (16, True, 1e-5, 0, None, 5, 5, 0),
    "ema": (64, False, 1e-2, 10, 1e-3, 100, 80, 0),
    "zema": (16, False, 1e-2, 10, 1e-3, 100, 80, 0),
    "diff": (16, False, 1e-5, 10, 1e-6, 100, 10, 22),
    "diffh": (16, False, 1e-2, 10, 1e-3, 100, 80, 22),
    "difft": (16, True, 1e-5, 10, 1e-6, 15, 10, 34),
}


@pytest.fixture
def written(tmp_path):
    """A function that writes the committed params.yaml with variants changed, and gives its path."""

    def write(**changes):
        content = yaml.safe_load(committed("params.yaml"))
        for name, change in changes.items():
            content["variants"][name] |= change
        path = tmp_path / "params.yaml"
        path.write_text(yaml.safe_dump(content, sort_keys=False))
        return path

    return write


@pytest.fixture
def profiles(written):
    return load_params(written()), load_params(ROOT / "profiles/coco.yaml")


def test_the_coco_profile_holds_the_references_values():
    params = load_params(ROOT / "profiles/coco.yaml")
    assert params.train.batch_size == 1024 and params.train.ema_decay == 0.995
    assert params.variants.keys() == REFERENCE.keys()
    for name, (n, evidence, lr, warmup, warmup_lr, epochs, kept, hard) in REFERENCE.items():
        v = params.variants[name]
        assert (v.n_ctx, v.evidence, v.lr, v.warmup_epochs) == (n, evidence, lr, warmup), name
        assert warmup == 0 or v.warmup_lr == warmup_lr, name
        assert (v.epochs, v.keep_epoch, len(set(v.hard_classes))) == (epochs, kept, hard), name
        assert (v.fusion, v.local_weight) == (("sharper", 1.5) if name == "best" else ("plain", 1.0))
    assert [name for name, v in params.variants.items() if v.cooccurrence] == ["best", "difft"]


def test_class_lists_name_classes_of_the_vocabulary(profiles):
    for params in profiles:
        names = load_vocabulary(ROOT / params.vocabulary.file, params.vocabulary.without).names
        for listed in (params.mix.rare_classes, *(v.hard_classes for v in params.variants.values())):
            assert set(listed) <= set(names) and len(set(listed)) == len(listed)


def test_mini_and_coco_tell_the_same_study(profiles):
    mini, coco = profiles
    for name, of_coco in coco.variants.items():
        assert mini.variants[name].texts.keys() == of_coco.texts.keys(), name
        assert mini.variants[name].evidence == of_coco.evidence
        assert set(mini.variants[name].hard_classes) <= set(of_coco.hard_classes)


def test_what_a_variant_may_say(written):
    path = written(
        best={"keep_epoch": "heldout", "texts": {"single": "x3", "multi": 2000, "class": True}},
        zema={"init_from": "diff"},
    )
    params = load_params(path)
    assert params.variants["best"].texts == {"single": "x3", "multi": 2000, "class": True}
    assert params.variants["zema"].init_from == "diff"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"zema": {"init_from": "emma"}}, r"variants\.zema\.init_from: no variant 'emma', choose from best"),
        ({"zema": {"init_from": "zema"}}, r"zema from zema is a circle"),
        (
            {"zema": {"init_from": "diff"}, "diff": {"init_from": "zema"}},
            r"zema from diff from zema is a circle",
        ),
        ({"zema": {"init_from": "ema"}}, r"ema has n_ctx 32 and evidence False, zema 16 and False"),
        ({"zema": {"init_from": "best"}}, r"best has n_ctx 16 and evidence True, zema 16 and False"),
        ({"best": {"keep_epoch": 9}}, r"variants\.best: keep_epoch 9 lies beyond epochs 5"),
        ({"best": {"keep_epoch": "last"}}, r"variants\.best\.keep_epoch"),
        ({"best": {"texts": {"multi": "x0"}}}, r"variants\.best\.texts\.multi"),
        ({"best": {"texts": {"multy": True}}}, r"variants\.best\.texts\.multy"),
        ({"best": {"lrr": 0.1}}, r"variants\.best\.lrr"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(written, changes, said):
    with pytest.raises(InputError, match=said) as raised:
        load_params(written(**changes))
    assert "params.yaml" in str(raised.value) and "\n" not in str(raised.value)
