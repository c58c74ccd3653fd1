"""The variants of both profiles: METHOD's values stand in coco's; what does not fit is said in one line."""

import difflib

import pytest
import yaml
from dvc.utils.hydra import apply_overrides
from tests.clones import committed_params
from tests.conftest import ROOT

from lexiclip.errors import InputError
from lexiclip.params import load_params
from lexiclip.vocabulary import load_vocabulary

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
        content = committed_params()
        for name, change in changes.items():
            for block, values in change.items():
                content["variants"][name][block] |= values
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
        v, mix, fusion = params.variants[name].train, params.variants[name].mix, params.variants[name].fusion
        assert (v.n_ctx, v.evidence, v.lr, v.warmup_epochs) == (n, evidence, lr, warmup), name
        assert warmup == 0 or v.warmup_lr == warmup_lr, name
        assert (v.epochs, v.keep_epoch, len(set(mix.hard_classes))) == (epochs, kept, hard), name
        assert (fusion.form, fusion.local_weight) == (("sharper", 1.5) if name == "best" else ("plain", 1.0))
    assert [name for name, v in params.variants.items() if v.fusion.cooccurrence] == ["best", "difft"]


def test_class_lists_name_classes_of_the_vocabulary(profiles):
    for params in profiles:
        names = load_vocabulary(ROOT / params.vocabulary.file, params.vocabulary.without).names
        for listed in (params.mix.rare_classes, *(v.mix.hard_classes for v in params.variants.values())):
            assert set(listed) <= set(names) and len(set(listed)) == len(listed)


def test_mini_and_coco_tell_the_same_study(profiles):
    mini, coco = profiles
    for name, of_coco in coco.variants.items():
        assert mini.variants[name].mix.texts.keys() == of_coco.mix.texts.keys(), name
        assert mini.variants[name].train.evidence == of_coco.train.evidence
        assert set(mini.variants[name].mix.hard_classes) <= set(of_coco.mix.hard_classes)


def test_what_a_variant_may_say(written):
    path = written(
        best={"train": {"keep_epoch": "heldout"}, "mix": {"texts": {"single": "x3", "multi": 2000}}},
        zema={"train": {"init_from": "diff"}},
    )
    params = load_params(path)
    assert params.variants["best"].mix.texts == {"single": "x3", "multi": 2000}
    assert params.variants["zema"].train.init_from == "diff"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"zema": {"train": {"init_from": "emma"}}},
            r"variants\.zema\.train\.init_from: no variant 'emma', choose from best",
        ),
        ({"zema": {"train": {"init_from": "zema"}}}, r"zema from zema is a cycle"),
        (
            {"zema": {"train": {"init_from": "diff"}}, "diff": {"train": {"init_from": "zema"}}},
            r"zema from diff from zema is a cycle",
        ),
        (
            {"zema": {"train": {"init_from": "ema"}}},
            r"ema has n_ctx 32 and evidence False, zema 16 and False",
        ),
        (
            {"zema": {"train": {"init_from": "best"}}},
            r"best has n_ctx 16 and evidence True, zema 16 and False",
        ),
        ({"best": {"train": {"keep_epoch": 9}}}, r"variants\.best\.train: keep_epoch 9 lies beyond epochs 5"),
        ({"best": {"train": {"keep_epoch": "last"}}}, r"variants\.best\.train\.keep_epoch"),
        ({"best": {"mix": {"texts": {"multi": "x0"}}}}, r"variants\.best\.mix\.texts\.multi"),
        ({"best": {"mix": {"texts": {"multy": True}}}}, r"variants\.best\.mix\.texts\.multy"),
        ({"best": {"train": {"lrr": 0.1}}}, r"variants\.best\.train\.lrr"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(written, changes, said):
    with pytest.raises(InputError, match=said) as raised:
        load_params(written(**changes))
    assert "params.yaml" in str(raised.value) and "\n" not in str(raised.value)


@pytest.mark.parametrize("file", ["params.yaml", "profiles/coco.yaml"])
@pytest.mark.parametrize(
    ("override", "line"),
    [("train.ema_decay=0.999", "  ema_decay: 0.999"), ("images.limit=5", "  limit: 5"),
     ("windows.scales=[2,3,7]", "  - 7"), ("vocabulary.file=mine.yaml", "  file: mine.yaml")],
)  # fmt: skip
def test_a_changed_value_changes_its_line_alone(tmp_path, file, override, line):
    """Both are laid out as `dvc exp run -S` writes them: lists and long blocks a line each, null as nothing.

    No list ends a block: the blank line after it would belong to it, and go with it.
    """
    before = (ROOT / file).read_text(encoding="utf-8").splitlines()
    path = tmp_path / "params.yaml"
    path.write_text("\n".join(before) + "\n", encoding="utf-8")
    apply_overrides(path, [override])
    changed = [
        text
        for text in difflib.ndiff(before, path.read_text(encoding="utf-8").splitlines())
        if text[0] in "+-"
    ]
    assert len(changed) <= 2 and changed[-1].startswith(f"+ {line}")
