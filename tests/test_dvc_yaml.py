"""dvc.yaml against the code and params.yaml: DVC sees no import, no read of a param and no list of variants.

A stage's code deps are what its script imports of src/lexiclip, directly or not, without the plumbing; its
params are what the script reads; wherever one variant's file is listed, that of each variant is.
"""

import ast
import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
STAGES = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
PLOTS = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["plots"]
VARIANTS = set(yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))["variants"])

# They decide no output: an edit there must not train the mini CLIP anew.
PLUMBING = {"errors", "files", "params"}
# What stands beside the variants in a list of files.
BESIDE_VARIANTS = {"zero_shot", "caption_mean", "heldout", "ensemble"}
# `mix.py heldout` stops before the line that reads a variant.
NOT_READ_BY = {"heldout": {"variants"}}
# Methods of Params, and what they read.
READ_BY_METHOD = {"fusing": {"variants", "baselines", "fusion"}, "hard_classes": {"variants"}}
# Functions that load params themselves, and what of them reaches the stage that calls them.
READ_BY_FUNCTION = {
    "load_study": {"precision", "vocabulary", "ensemble", "variants", "baselines", "windows"},
}


def script(stage):
    """The path of the script that a stage runs."""
    return re.search(r"stages/\w+\.py", STAGES[stage]["cmd"]).group()


def tree(path):
    return ast.parse((ROOT / path).read_text(encoding="utf-8"))


def imported(path):
    """The files of src/lexiclip that a file imports itself, plumbing left out."""
    modules = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            # What follows `import` may be a module of the package before it.
            modules |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    files = {"src/" + module.replace(".", "/") + ".py" for module in modules}
    plumbing = {f"src/lexiclip/{module}.py" for module in PLUMBING}
    return {file for file in files - plumbing if (ROOT / file).is_file()}


def import_closure(path):
    found, todo = set(), [path]
    while todo:
        new = imported(todo.pop()) - found
        found |= new
        todo += new
    return found


def params_read(path):
    """The params a stage script reads: "train", or "baselines.mix" where a key follows at once.

    The mere names of the variants (`*params.variants`, `for … in params.variants`) are no read: they decide
    which files dvc.yaml lists, and tests below compare those.
    """
    nodes = list(ast.walk(tree(path)))
    params = {
        node.targets[0].id
        for node in nodes
        if isinstance(node, ast.Assign)
        and isinstance(node.value, ast.Call)
        and getattr(node.value.func, "id", None) == "load_params"
    }
    parent = {child: node for node in nodes for child in ast.iter_child_nodes(node)}
    read = set()
    for node in nodes:
        if isinstance(node, ast.Call):
            read |= READ_BY_FUNCTION.get(getattr(node.func, "id", None), set())
        if isinstance(node, ast.Attribute) and getattr(node.value, "id", None) in params:
            above = parent[node]
            if node.attr == "variants" and not isinstance(above, ast.Subscript | ast.Attribute):
                continue
            if node.attr in READ_BY_METHOD:
                read |= READ_BY_METHOD[node.attr]
                continue
            deeper = isinstance(above, ast.Attribute) and node.attr != "variants"
            read.add(f"{node.attr}.{above.attr}" if deeper else node.attr)
    return read


def covers(listed, read):
    """Whether a listed param and one read are the same, or one is a block that holds the other."""
    return f"{listed}.".startswith(f"{read}.") or f"{read}.".startswith(f"{listed}.")


def strings(value):
    """All keys and values of a part of dvc.yaml that are text."""
    if isinstance(value, dict):
        return [text for pair in value.items() for part in pair for text in strings(part)]
    if isinstance(value, list):
        return [text for part in value for text in strings(part)]
    return [value] if isinstance(value, str) else []


def by_template(texts):
    """{"data/mixes/{}.jsonl": variants listed}, of paths and params in which a variant has its place."""
    found = {}
    for text in texts:
        for part in re.finditer(r"(?<=[./])\w+(?=[./]|$)", text):
            if part.group() in VARIANTS | BESIDE_VARIANTS:
                found.setdefault(text[: part.start()] + "{}" + text[part.end() :], set()).add(part.group())
    return found


def fan_ins():
    """(where, template, variants listed) of each list of variants' files outside matrix stages."""
    for where, section in [*STAGES.items(), ("plots", PLOTS)]:
        if "matrix" not in section:
            for template, listed in by_template(strings(section)).items():
                if listed & VARIANTS:
                    yield where, template, listed


@pytest.mark.parametrize("stage", STAGES)
def test_code_deps_are_the_import_closure(stage):
    listed = [dep for dep in STAGES[stage]["deps"] if dep.endswith(".py")]
    assert len(listed) == len(set(listed)), "a module is listed twice"
    assert set(listed) == {script(stage), *import_closure(script(stage))}


def test_the_closure_follows_imports_and_leaves_out_plumbing():
    closure = import_closure("stages/train.py")
    assert "src/lexiclip/prompts/training.py" in closure
    assert "src/lexiclip/prompts/steps.py" in closure, "imported by training.py alone"
    assert not {file for file in closure if Path(file).stem in PLUMBING}


def test_packages_import_nothing():
    assert not [path for path in (ROOT / "src").rglob("__init__.py") if path.read_text().strip()]


@pytest.mark.parametrize("stage", STAGES)
def test_params_are_those_read(stage):
    read = params_read(script(stage)) - NOT_READ_BY.get(stage, set())
    listed = STAGES[stage].get("params", [])
    assert not {param for param in read if not any(covers(other, param) for other in listed)}, "not listed"
    assert not {param for param in listed if not any(covers(param, other) for other in read)}, "not read"


def test_every_script_is_a_stage():
    scripts = {path.relative_to(ROOT).as_posix() for path in (ROOT / "stages").glob("*.py")}
    assert scripts == {script(stage) for stage in STAGES}


def test_each_variant_is_mixed_and_trained_once():
    def variants_of(path):
        matrices = [STAGES[stage].get("matrix", {}) for stage in STAGES if script(stage) == path]
        return sorted(variant for matrix in matrices for variant in matrix.get("variant", []))

    assert variants_of("stages/mix.py") == variants_of("stages/train.py") == sorted(VARIANTS)


def test_a_list_of_variants_files_holds_every_variant_and_no_other():
    found = {}
    for where, template, listed in fan_ins():
        assert listed - BESIDE_VARIANTS == VARIANTS, f"{where}: {template}"
        found.setdefault(template, set()).add(where)
    assert found.keys() >= {
        "data/mixes/{}.jsonl",
        "models/prompts/{}.safetensors",
        "metrics/captions_ap/{}.json",
        "data/scores/{}.npz",
        "metrics/train/{}.csv",
    }
    assert {"ensemble", "evaluate"} <= found["data/scores/{}.npz"] and "plots" in found[
        "metrics/train/{}.csv"
    ]


def test_no_file_of_a_dropped_variant_is_listed():
    for where, template, _ in list(fan_ins()):
        place = re.compile(re.escape(template).replace(r"\{\}", r"(\w+)"))
        texts = strings(PLOTS if where == "plots" else STAGES[where])
        named = {match.group(1) for text in texts if (match := place.fullmatch(text))}
        assert named <= VARIANTS | BESIDE_VARIANTS, f"{where}: {template}"


def test_ema_decay_reaches_ema_variants_alone():
    assert "train.ema_decay" in STAGES["train_ema"]["params"]
    of_others = [stage for name, stage in STAGES.items() if name != "train_ema"]
    assert not any({"train", "train.ema_decay"} & set(stage.get("params", [])) for stage in of_others)


def test_a_variant_that_starts_from_another_waits_for_it():
    variants = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))["variants"]
    for name, variant in variants.items():
        if variant["init_from"]:
            stage = STAGES["train_ema" if name in STAGES["train_ema"]["matrix"]["variant"] else "train"]
            assert f"models/prompts/{variant['init_from']}.safetensors" in stage["deps"]
