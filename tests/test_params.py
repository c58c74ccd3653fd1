"""params.yaml: the committed one is valid; each way of breaking it is told in one line that names the key."""

import copy

import pytest
import yaml
from tests.clones import committed, committed_params

from lexiclip.errors import InputError
from lexiclip.params import load_params

COMMITTED = committed_params()


def changed(tmp_path, key, value):
    """A copy of the committed file with `key` ("train.seed") set to `value`."""
    content = copy.deepcopy(COMMITTED)
    *blocks, last = key.split(".")
    inner = content
    for block in blocks:
        inner = inner[block]
    inner[last] = value
    path = tmp_path / "params.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


def message(path):
    with pytest.raises(InputError) as error:
        load_params(path)
    assert str(error.value).startswith(f"{path}: ") and "\n" not in str(error.value)
    return str(error.value).removeprefix(f"{path}: ")


def test_the_committed_file_is_valid(tmp_path):
    (tmp_path / "params.yaml").write_bytes(committed("params.yaml"))
    params = load_params(tmp_path / "params.yaml")
    assert params.train.ema_decay == COMMITTED["train"]["ema_decay"]
    assert list(params.variants) == list(COMMITTED["variants"])


def test_a_changed_value_is_read(tmp_path):
    assert load_params(changed(tmp_path, "windows.scales", [2, 4])).windows.scales == [2, 4]
    assert load_params(changed(tmp_path, "pretrain.lr", 1)).pretrain.lr == 1.0


@pytest.mark.parametrize(
    ("value", "names"),
    [
        ("oven,  hair drier ,", ["oven", "hair drier"]),
        (["oven", "hair drier"], ["oven", "hair drier"]),
        ("", []),
    ],
)
def test_classes_are_a_list_or_a_text_with_commas(tmp_path, value, names):
    assert load_params(changed(tmp_path, "vocabulary.without", value)).vocabulary.without == names


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        # unknown keys
        ("traim", {}, "traim: unknown key"),
        ("train.ema_decy", 0.9, "train.ema_decy: unknown key"),
        ("variants.best.train.evidance", True, "variants.best.train.evidance: unknown key"),
        (
            "variants.best.mix.texts",
            {"mutli": True},
            "variants.best.mix.texts.mutli: input should be 'multi', ",
        ),
        # wrong types
        ("pretrain.steps", "many", "pretrain.steps: input should be a valid integer (got 'many')"),
        ("pretrain.steps", True, "pretrain.steps: input should be a valid integer (got True)"),
        ("pretrain.steps", 0.5, "pretrain.steps: input should be a valid integer (got 0.5)"),
        (
            "variants.best.train.evidence",
            "perhaps",
            "variants.best.train.evidence: input should be a valid boolean",
        ),
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
            "many",
            "variants.best.mix.texts.multi: expected true, false, a number of texts to draw, or x3 for all "
            "of them three times, got 'many'",
        ),
        (
            "variants.best.mix.texts.multi",
            -3,
            "variants.best.mix.texts.multi: expected true, false, a number",
        ),
        ("train.none", 1, "train.none: input should be none (got 1)"),
        # impossible values
        ("precision", "double", "precision: input should be 'exact' or 'fast' (got 'double')"),
        ("windows.precision", "fp32", "windows.precision: unknown key"),
        ("pretrain.steps", 0, "pretrain.steps: input should be greater than 0 (got 0)"),
        ("train.ema_decay", 1.5, "train.ema_decay: input should be less than 1 (got 1.5)"),
        ("train.momentum", -0.1, "train.momentum: input should be greater than or equal to 0"),
        ("pretrain.lr", float("inf"), "pretrain.lr: input should be a finite number"),
        ("pretrain.lr", float("nan"), "pretrain.lr: input should be "),
        ("windows.scales", [1], "windows.scales.0: input should be greater than or equal to 2"),
        ("windows.scales", [2, 2], "windows.scales: expected each value once, got [2, 2]"),
        ("windows.shapes", ["sqare"], "windows.shapes.0: input should be 'square', "),
        ("windows.scales", [], "windows.scales: list should have at least 1 item"),
        ("variants.best.fusion.form", "max", "variants.best.fusion.form: input should be 'plain', "),
        ("variants.best.train.keep_epoch", 99, "variants.best.train: keep_epoch 99 lies beyond epochs "),
        ("variants.best.train.result", "average", "variants.best.train: result: there is no average"),
        ("scenes.objects", [6, 2], "scenes.objects: expected the lower bound first, got [6, 2]"),
        # names that must be known
        ("ensemble.variants", ["best", "best"], "ensemble.variants: expected each value once, got ['best', "),
        (
            "ensemble.variants",
            ["best", "prototypes"],
            "ensemble.variants: unknown 'prototypes', choose from ",
        ),
        ("scenes.seed", -1, "scenes.seed: input should be greater than or equal to 0 (got -1)"),
        ("train.seed", -1, "train.seed: input should be greater than or equal to 0 (got -1)"),
        ("captions.multi.seed", -1, "captions.multi.seed: input should be greater than or equal to 0"),
        ("ensemble.variants", ["best", "Best"], "ensemble.variants: unknown 'Best', choose from zero_shot, "),
        ("baselines.mix", "Best", "baselines.mix: unknown 'Best', choose from best, "),
        ("filter.needs_asked_class", ["double"], "filter.needs_asked_class.0: input should be 'multi', "),
    ],
)
def test_a_bad_value_is_told_in_one_line(tmp_path, key, value, said):
    assert message(changed(tmp_path, key, value)).startswith(said)


def test_a_misspelt_key_is_told_before_the_one_it_leaves_out(tmp_path):
    train = {key.replace("ema_decay", "ema_dcay"): value for key, value in COMMITTED["train"].items()}
    said = message(changed(tmp_path, "train", train))
    assert said == "train.ema_dcay: unknown key (did you mean 'ema_decay'?)"


def test_a_key_left_out_is_named(tmp_path):
    train = {key: value for key, value in COMMITTED["train"].items() if key != "ema_decay"}
    assert message(changed(tmp_path, "train", train)) == "train.ema_decay: field required"


@pytest.mark.parametrize(
    "name",
    [
        "zero_shot", "caption_mean", "prototypes", "heldout", "Heldout", "ceiling", "evaluated", "ensemble",
        "ensemble_mean", "ensemble_ours", "ensemble_class_advantage", "", "../x", "a/b", "${x}", "a\n",
    ],
)  # fmt: skip
def test_a_variant_whose_files_would_overwrite_others_is_refused(tmp_path, name):
    said = message(
        changed(tmp_path, "variants", COMMITTED["variants"] | {name: COMMITTED["variants"]["best"]})
    )
    assert f"no name for a variant: {name!r}: use letters, digits, _ and -, not zero_shot, " in said


def test_a_variant_may_have_any_other_name(tmp_path):
    variants = COMMITTED["variants"] | {"Mine_2-b": COMMITTED["variants"]["best"]}
    assert "Mine_2-b" in load_params(changed(tmp_path, "variants", variants)).variants


@pytest.mark.parametrize(
    ("content", "said"),
    [("", "the whole file: "), ("- a", "the whole file: "), ("a: [", "not YAML"), (None, "cannot be read")],
)
def test_a_file_that_is_none(tmp_path, content, said):
    path = tmp_path / "params.yaml"
    if content is not None:
        path.write_text(content)
    assert message(path).startswith(said)
