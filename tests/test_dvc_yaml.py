"""dvc.yaml and development/dvc.yaml against code and params: DVC sees no import and no read of a param.

A stage's code deps hold what its script imports of src/lexiclip, directly or not, without the plumbing; its
params are what the script reads; no variant is named.
"""

import ast
import re

import pytest
import yaml
from tests.conftest import ROOT

STUDY, WORLDS = (
    yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))["stages"]
    for name in ("dvc.yaml", "development/dvc.yaml")
)
STAGES = STUDY | WORLDS
STAGES_TEXT = (ROOT / "dvc.yaml").read_text(encoding="utf-8").split("\nplots:")[0]
VARIANTS = set(yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))["variants"])

# They decide no output: an edit there must not train the mini CLIP anew.
PLUMBING = {"distributed", "errors", "files", "params", "tensor_files", "validation"}
# Methods of Params, and what they read.
READ_BY_METHOD = {
    "fusing": {"variants", "baselines", "prototypes.fusion", "fusion"},
    "hard_classes": {"variants"},
    "members": {"ensemble"},
    "scored": set(),  # the mere names, which are also those of the files in models/prompts
}
# Functions that load params themselves, and what of them reaches the stage that calls them.
READ_BY_FUNCTION = {
    "load_study": {
        "precision",
        "vocabulary",
        "ensemble",
        "variants",
        "baselines",
        "prototypes.fusion",
        "windows",
    },
    "load_ensemble": {"vocabulary", "ensemble", "variants"},
}


# What is measured on the test scenes; nothing that decides a number may come after it.
MEASURED = {"evaluate", "report"}


def script(stage):
    """The path of the script that a stage runs."""
    return re.search(r"stages/\w+\.py", body(stage)["cmd"]).group()


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


def body(stage):
    """What a stage says, whether or not it is written for each variant."""
    return STAGES[stage].get("do", STAGES[stage])


def params_listed(stage):
    """Those of params.yaml: other files of params stand in the list as {file: [key]}."""
    return [param for param in body(stage).get("params", []) if isinstance(param, str)]


def code_deps(stage):
    """Files and folders of Python: src/lexiclip/templates is data."""
    deps = [dep for dep in body(stage)["deps"] if dep.startswith(("stages", "src"))]
    return [dep for dep in deps if dep.endswith(".py") or list((ROOT / dep).rglob("*.py"))]


@pytest.mark.parametrize("stage", STAGES)
def test_code_deps_hold_the_import_closure(stage):
    """Each import is a dep, or lies in a folder that is one; each dep holds an import."""
    listed, needed = code_deps(stage), {script(stage), *import_closure(script(stage))}

    def holds(dep, file):
        return file == dep or file.startswith(f"{dep}/")

    assert not [file for file in needed if not any(holds(dep, file) for dep in listed)], "not listed"
    assert not [dep for dep in listed if not any(holds(dep, file) for file in needed)], "not imported"
    assert not [dep for dep in listed if any(holds(other, dep) for other in listed if other != dep)], "twice"


@pytest.mark.parametrize("stage", ["write", "clip"])
def test_what_takes_hours_depends_on_files(stage):
    assert all(dep.endswith(".py") for dep in code_deps(stage))


def test_packages_import_nothing():
    assert not [path for path in (ROOT / "src").rglob("__init__.py") if path.read_text().strip()]


@pytest.mark.parametrize("stage", STAGES)
def test_params_are_those_read(stage):
    read = params_read(script(stage))
    listed = params_listed(stage)
    assert not {param for param in read if not any(covers(other, param) for other in listed)}, "not listed"
    assert not {param for param in listed if not any(covers(param, other) for other in read)}, "not read"


def test_every_script_is_a_stage():
    scripts = {path.relative_to(ROOT).as_posix() for path in (ROOT / "stages").glob("*.py")}
    assert scripts == {script(stage) for stage in STAGES}


def test_no_variant_is_named():
    """A variant is its block in params.yaml: a new one needs no line of dvc.yaml."""
    named = {variant for variant in VARIANTS if re.search(rf"(?<![a-z_]){variant}(?![a-z_])", STAGES_TEXT)}
    assert not named
    assert STAGES["train"]["foreach"] == "${variants}"


def test_ema_decay_reaches_ema_variants_alone():
    """By dvc.yaml's template, whose value in params.yaml is `none` for the others."""
    params = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    assert "train.${item.train.average}" in body("train")["params"]
    assert "train" not in body("train")["params"] and params["train"]["none"] is None
    assert {variant["train"]["average"] for variant in params["variants"].values()} == {"none", "ema_decay"}
    for stage in STAGES:
        assert not {"train", "train.ema_decay"} & set(params_listed(stage))


def test_a_variant_that_starts_from_another_waits_for_it():
    assert "models/prompts/${item.train.init_from}.safetensors" in body("train")["deps"]


def test_a_stranger_reads_it_in_minutes():
    assert (ROOT / "dvc.yaml").read_text(encoding="utf-8").count("\n") <= 250


def test_no_stage_that_chooses_sees_a_label_of_the_test_scenes():
    """`score` and `ceiling` have the list of images from the file of labels, and read nothing else there."""
    with_labels = {name for name in STAGES if "${images.labels}" in body(name)["deps"]}
    assert with_labels == MEASURED | {"score", "ceiling"}
    made = {
        out if isinstance(out, str) else next(iter(out))
        for name in MEASURED
        for kind in ("outs", "metrics", "plots")
        for out in body(name).get(kind, [])
    }
    for name in set(STAGES) - MEASURED:
        assert not made & set(body(name).get("deps", [])), name
    for name, dataset in (("score", "dataset"), ("ceiling", "tested")):
        text = (ROOT / script(name)).read_text(encoding="utf-8")
        assert f"{dataset}.labels" not in text and f"{dataset}.ids" in text


def test_development_worlds_are_apart():
    """No scene of theirs is one that is tested on or learned from, and the study waits for none of them."""
    params = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    worlds = yaml.safe_load((ROOT / "development/worlds.yaml").read_text(encoding="utf-8"))["worlds"]
    seeds = [params[name]["seed"] for name in ("scenes", "prototypes", "ceiling", "pretrain")]
    seeds += [world["seed"] for world in worlds.values()]
    assert len(set(seeds)) == len(seeds)
    assert not {"data/scenes", "data/window_scores", "data/scores"} & set(body("development")["deps"])
    for name in STUDY:
        assert not [dep for dep in body(name)["deps"] if "development" in dep], name
