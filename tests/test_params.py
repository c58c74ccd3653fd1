"""params.yaml: the committed one is valid; each way of breaking it is told in one line that names the key."""

import copy

import pytest
import yaml
from tests.clones import committed_params

from lexiclip.errors import InputError
from lexiclip.params import load_params

COMMITTED = committed_params()


@pytest.fixture
def changed(tmp_path):
    """changed(changes): a copy of the committed file with some keys ("train.seed") set to other values."""

    def changed(changes):
        content = copy.deepcopy(COMMITTED)
        for key, value in changes.items():
            *blocks, last = key.split(".")
            inner = content
            for block in blocks:
                inner = inner[block]
            inner[last] = value
        path = tmp_path / "params.yaml"
        path.write_text(yaml.safe_dump(content, sort_keys=False))
        return path

    return changed


def message(path):
    with pytest.raises(InputError) as error:
        load_params(path)
    assert str(error.value).startswith(f"{path}: ")
    return str(error.value).removeprefix(f"{path}: ")


def test_values_are_read(changed):
    texts = {"single": "x3", "multi": 2000, "class": True}
    changes = {"windows.scales": [2, 4], "pretrain.lr": 1, "variants.best.mix.texts": texts}
    changes |= {"variants.best.train.keep_epoch": "heldout", "variants.zema.train.init_from": "diff"}
    params = load_params(changed(changes))
    assert list(params.variants) == list(COMMITTED["variants"])
    assert params.train.ema_decay == COMMITTED["train"]["ema_decay"]
    assert params.windows.scales == [2, 4] and params.pretrain.lr == 1.0
    assert params.variants["best"].mix.texts == texts
    assert params.variants["zema"].train.init_from == "diff"


@pytest.mark.parametrize(
    ("value", "names"),
    [
        ("oven,  hair drier ,", ["oven", "hair drier"]),
        (["oven", "hair drier"], ["oven", "hair drier"]),
        ("", []),
    ],
)
def test_classes_are_a_list_or_a_text_with_commas(changed, value, names):
    assert load_params(changed({"vocabulary.without": value})).vocabulary.without == names


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        # unknown keys
        ("traim", {}, "traim: unknown key"),
        ("variants.best.train.evidance", True, "variants.best.train.evidance: unknown key"),
        ("variants.best.mix.texts", {"mutli": 1}, "variants.best.mix.texts.mutli: input should be 'multi', "),
        # wrong types
        ("pretrain.steps", "many", "pretrain.steps: input should be a valid integer (got 'many')"),
        ("pretrain.steps", True, "pretrain.steps: input should be a valid integer (got True)"),
        ("windows.exif", "perhaps", "windows.exif: input should be a valid boolean"),
        ("windows", None, "windows: input should be a valid dictionary"),
        ("scenes.objects", [2], "scenes.objects.1: field required"),
        ("vocabulary.without", 3, "vocabulary.without: input should be a valid list (got 3)"),
        ("compose.challenge_classes", " ", "compose.challenge_classes: list should have at least 1 item"),
        # values of several kinds: all that is allowed
        ("images.limit", "x", "images.limit: input should be a valid integer or null (got 'x')"),
        ("ensemble.variants", "best", "ensemble.variants: input should be a valid list or null (got 'best')"),
        (
            "variants.best.train.keep_epoch",
            "last",
            "variants.best.train.keep_epoch: input should be a valid integer or 'heldout' (got 'last')",
        ),
        (
            "variants.best.mix.texts.multi",
            "x0",
            "variants.best.mix.texts.multi: expected true, false, a number of texts to draw, or x3 for all "
            "of them three times, got 'x0'",
        ),
        ("train.none", 1, "train.none: input should be None (got 1)"),
        # impossible values
        ("precision", "double", "precision: input should be 'exact' or 'fast' (got 'double')"),
        ("pretrain.steps", 0, "pretrain.steps: input should be greater than 0 (got 0)"),
        ("train.ema_decay", 1.5, "train.ema_decay: input should be less than 1 (got 1.5)"),
        ("train.momentum", -0.1, "train.momentum: input should be greater than or equal to 0"),
        ("pretrain.lr", float("inf"), "pretrain.lr: input should be a finite number"),
        ("pretrain.lr", float("nan"), "pretrain.lr: input should be "),
        ("windows.scales", [1], "windows.scales.0: input should be greater than or equal to 2"),
        ("windows.scales", [2, 2], "windows.scales: expected each value once, got [2, 2]"),
        ("windows.shapes", ["sqare"], "windows.shapes.0: input should be 'square', "),
        ("variants.best.fusion.form", "max", "variants.best.fusion.form: input should be 'plain', "),
        ("variants.best.train.keep_epoch", 99, "variants.best.train: keep_epoch 99 lies beyond epochs "),
        ("variants.best.train.result", "average", "variants.best.train: result: there is no average"),
        ("scenes.objects", [6, 2], "scenes.objects: expected the lower bound first, got [6, 2]"),
        # names that must be known
        ("ensemble.variants", ["best", "best"], "ensemble.variants: expected each value once, got ['best', "),
        ("ensemble.variants", ["prototypes"], "ensemble.variants: unknown 'prototypes', choose from zero"),
        ("train.seed", -1, "train.seed: input should be greater than or equal to 0 (got -1)"),
        ("baselines.mix", "Best", "baselines.mix: unknown 'Best', choose from best, "),
        ("filter.needs_asked_class", ["double"], "filter.needs_asked_class.0: input should be 'multi', "),
    ],
)
def test_a_bad_value_is_told_in_one_line(changed, key, value, said):
    assert message(changed({key: value})).startswith(said)


@pytest.mark.parametrize(
    ("starts", "said"),
    [
        ({"zema": "emma"}, "variants.zema.train.init_from: no variant 'emma', choose from best"),
        ({"zema": "zema"}, "zema from zema is a cycle"),
        ({"zema": "diff", "diff": "zema"}, "zema from diff from zema is a cycle"),
        ({"zema": "ema"}, "ema has n_ctx 32 and evidence False, zema 16 and False"),
        ({"zema": "best"}, "best has n_ctx 16 and evidence True, zema 16 and False"),
    ],
)
def test_a_variant_starts_from_another_of_its_shape(changed, starts, said):
    changes = {f"variants.{name}.train.init_from": other for name, other in starts.items()}
    assert said in message(changed(changes))


def test_a_misspelt_key_is_told_before_the_one_it_leaves_out(changed):
    train = {key.replace("ema_decay", "ema_dcay"): value for key, value in COMMITTED["train"].items()}
    assert message(changed({"train": train})) == "train.ema_dcay: unknown key (did you mean 'ema_decay'?)"
    del train["ema_dcay"]
    assert message(changed({"train": train})) == "train.ema_decay: field required"


@pytest.mark.parametrize(
    "name",
    [
        "zero_shot", "caption_mean", "prototypes", "heldout", "Heldout", "ceiling", "evaluated", "ensemble",
        "ensemble_mean", "ensemble_ours", "ensemble_class_advantage", "", "../x", "a/b", "${x}", "a\n",
    ],
)  # fmt: skip
def test_a_variant_whose_files_would_overwrite_others_is_refused(changed, name):
    best = COMMITTED["variants"]["best"]
    said = message(changed({"variants": {"Mine_2-b": best, name: best}}))
    assert f"no name for a variant: {name!r}: use letters, digits, _ and -, not zero_shot, " in said


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("- a", "input should be a valid dictionary"),
        ("a: [", "not YAML"),
    ],
)
def test_a_file_that_is_none(tmp_path, content, said):
    path = tmp_path / "params.yaml"
    path.write_text(content)
    assert message(path).startswith(said)
