"""Both profiles: METHOD's values stand in coco's, mini tells the same study, DVC writes both as they are."""

import difflib

import pytest
from dvc.utils.hydra import apply_overrides
from tests.clones import committed
from tests.conftest import ROOT

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
def profiles(tmp_path):
    (tmp_path / "params.yaml").write_bytes(committed("params.yaml"))
    return load_params(tmp_path / "params.yaml"), load_params(ROOT / "profiles/coco.yaml")


def test_the_coco_profile_holds_the_references_values(profiles):
    _, params = profiles
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
    before = committed(file).decode().splitlines()
    path = tmp_path / "params.yaml"
    path.write_text("\n".join(before) + "\n", encoding="utf-8")
    apply_overrides(path, [override])
    after = path.read_text(encoding="utf-8").splitlines()
    changed = [text for text in difflib.ndiff(before, after) if text[0] in "+-"]
    assert len(changed) <= 2 and changed[-1].startswith(f"+ {line}")
