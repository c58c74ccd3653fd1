"""README and docs/*.md against the repository: links, files, functions, and tables against metrics/."""

import ast
import csv
import json
import re
from pathlib import Path

import pytest
import yaml
from tests.clones import committed
from tests.conftest import ROOT

from lexiclip.params import load_params
from lexiclip.vocabulary import load_vocabulary

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
METRICS = ROOT / "metrics"
LONGEST_README = 7000  # characters

# Folders that git holds whole: what DVC makes is not in a fresh clone.
TRACKED = r"(?:src|stages|tests|bench|docs|profiles|data/(?:instructions|vocabularies|ensembles))/"

# A row of speed.md: where its seconds stand in bench.json, and the unit of the page.
BENCHES = {
    "labels of 220,000 captions, one core": "captions: labels of 220000 captions, s",
    "a caption of SmolLM2, in batches of 64": "captions: a caption, in batches of 64, s",
    "a text encoded for one epoch, RN50's text tower": "training: a text encoded, for one epoch, at RN50's "
    "size, s",
    "an epoch of prompt tuning, mini": "training: epoch at mini size, s",
    "a step of 1024 texts, RN50's text tower": "training: step of 1024 at RN50's text size, s",
    "six variants on 32 photos × 53 views, mini": "scoring: mini, 32 photos × 53 views, s",
    "six variants on 6 photos × 53 views, RN50": "scoring: RN50, 6 photos × 53 views, s",
    "the same after a change of fusion, RN50": "scoring: RN50, the same after a change of fusion, s",
}


def page(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def without_blocks(text: str) -> str:
    return re.sub(r"```.*?```", "", text, flags=re.DOTALL)


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def cells(line: str) -> list[str]:
    """Of a table's line; `\\|` is a bar within a cell."""
    return [cell.strip().replace(r"\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


def tables(text: str) -> list[list[list[str]]]:
    """Each table as its rows of cells, the heading first."""
    found = re.findall(r"((?:^\|.*\n)+)", without_blocks(text) + "\n", re.MULTILINE)
    lines = [table.splitlines() for table in found]
    return [[cells(line) for line in [heading, *rows]] for heading, _, *rows in lines]


def table(name: str, *heading: str) -> list[list[str]]:
    """The rows of the first table of a page whose heading begins so."""
    for top, *rows in tables(page(name)):
        if tuple(top[: len(heading)]) == heading:
            return rows
    raise AssertionError(f"{name}: no table {heading}")


def anchors(text: str) -> set[str]:
    """GitHub's anchors of the headings."""
    headings = re.findall(r"^#+ (.*)$", without_blocks(text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


EXPERIMENT = committed("params.yaml") != (ROOT / "params.yaml").read_bytes()


def metrics_file(name: str) -> str:
    """As it is or, where an experiment has left other params, as it was committed: so were the pages."""
    return (committed(f"metrics/{name}") if EXPERIMENT else (METRICS / name).read_bytes()).decode()


def measured(name: str) -> dict:
    return json.loads(metrics_file(name))


def rows_of(name: str) -> list[dict]:
    return list(csv.DictReader(metrics_file(name).splitlines()))


RESULTS = {row["variant"]: row for row in rows_of("results.csv")}
TUNED = [name for name in RESULTS if f"{name}.csv" in {path.name for path in (METRICS / "train").iterdir()}]


def rounded(value: str | float) -> str:
    """As in the tables; an ensemble has no score of the whole image."""
    return "" if value == "" else f"{float(value):.1f}"


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_links_lead_somewhere(path):
    text = without_blocks(path.read_text(encoding="utf-8"))
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if link.startswith("https://"):
            continue
        file, _, anchor = link.partition("#")
        target = path.parent / file if file else path
        assert target.exists(), f"{path.name}: {link}"
        if anchor:
            assert anchor in anchors(target.read_text(encoding="utf-8")), f"{path.name}: {link}"


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_files_in_the_text_exist(path):
    spans = re.findall(rf"`({TRACKED}[^`\s]*)`", path.read_text(encoding="utf-8"))
    assert [span for span in spans if not list(ROOT.glob(span))] == []


def formulas() -> list[tuple[str, str]]:
    """(file, name) of every row of method.md that says where a formula stands."""
    return [
        (file, name)
        for top, *rows in tables(page("docs/method.md"))
        if top[1:] == ["file", "name"]
        for _, file, names in rows
        for name in re.findall(r"`(\w+)`", names)
        for file in re.findall(r"`([^`]+)`", file)
    ]


@pytest.mark.parametrize(("file", "name"), formulas())
def test_the_formula_is_where_method_says(file, name):
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    defined = {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    targets = [node.targets for node in tree.body if isinstance(node, ast.Assign)]
    assigned = [node for group in targets for target in group for node in ast.walk(target)]
    defined |= {node.id for node in assigned if isinstance(node, ast.Name)}
    assert name in defined


def test_each_section_that_code_cites_names_the_file_that_cites_it():
    sections = re.split(r"^## (\d+)\. ", page("docs/method.md"), flags=re.MULTILINE)
    text_of = dict(zip(sections[1::2], sections[2::2], strict=True))
    cited = {
        (path.relative_to(ROOT).as_posix(), number)
        for path in (ROOT / "src").rglob("*.py")
        for number in re.findall(r"METHOD §(\d+)", path.read_text(encoding="utf-8"))
    }
    assert sorted((file, number) for file, number in cited if f"`{file}`" not in text_of[number]) == []


def test_readme_has_the_results():
    assert len(page("README.md")) <= LONGEST_README
    best = max(TUNED, key=lambda name: float(RESULTS[name]["mAP"]))
    rows = table("README.md", "", "whole image", "with windows")
    assert f"`{best}`" in rows[2][0]
    names = ["zero_shot", "caption_mean", best, "ensemble_mean", "ensemble", "ceiling"]
    for (_, whole, windows), name in zip(rows, names, strict=True):
        assert (whole, windows) == (rounded(RESULTS[name]["mAP_whole"]), rounded(RESULTS[name]["mAP"]))


def test_results_of_all_variants():
    seeds = measured("seeds.json")
    rows = table("docs/results.md", "variant", "what it is", "whole image")
    assert {row[0] for row in rows} == set(RESULTS) - {"ensemble_ours"}
    for name, _, whole, whole_spread, windows, spread, share in rows:
        found = tuple(rounded(RESULTS[name][key]) for key in ("mAP_whole", "mAP", "share"))
        assert (whole, windows, share) == found
        if name in TUNED:
            found = (seeds[f"{name}.whole.mAP"]["spread"], seeds[f"{name}.windows.mAP"]["spread"])
            assert (whole_spread, spread) == tuple(map(rounded, found))
        elif f"{name}.mAP" in seeds:
            assert (whole_spread, spread) == ("", rounded(seeds[f"{name}.mAP"]["spread"]))
        else:
            assert whole_spread == spread == ""


def test_results_of_decisions():
    keys = ("CF1", "OF1", "CF1_top3", "OF1_top3", "ECE")
    rows = table("docs/results.md", "variant", "CF1")
    assert {row[0] for row in rows} == set(RESULTS) - {"ensemble_ours"}
    for name, *values in rows:
        assert values == [rounded(RESULTS[name][key]) for key in keys]


def test_what_results_say_in_words():
    text = " ".join(page("docs/results.md").split())
    zero, mean, ensemble = (RESULTS[name] for name in ("zero_shot", "caption_mean", "ensemble_mean"))
    gains = [float(RESULTS[name]["mAP_whole"]) - float(zero["mAP_whole"]) for name in TUNED]
    assert f"by {min(gains):.1f} to {max(gains):.1f} points on whole images" in text
    assert all(float(row["mAP"]) > float(row["mAP_whole"]) for row in RESULTS.values() if row["mAP_whole"])
    assert all(float(ensemble["mAP"]) > float(RESULTS[name]["mAP"]) for name in TUNED)
    away = [abs(float(RESULTS[name]["mAP_whole"]) - float(mean["mAP_whole"])) for name in TUNED]
    assert max(away) < 2 and all(float(mean["mAP"]) > float(RESULTS[name]["mAP"]) for name in TUNED)
    lead = float(ensemble["mAP"]) - float(mean["mAP"])
    assert f"by {lead:.1f} points ({rounded(ensemble['mAP'])} against {rounded(mean['mAP'])})" in text


def test_ablation():
    rows = [[row.pop("change"), *map(rounded, row.values())] for row in rows_of("ablation.csv")]
    of_rules = [row for row in rows if row[0].startswith("ensemble: ")]
    assert table("docs/results.md", "change", "zero_shot") == [row for row in rows if row not in of_rules]
    assert table("docs/results.md", "ensemble", "mAP") == [
        [name.removeprefix("ensemble: "), values[-1]] for name, *values in of_rules
    ]


def test_development_worlds():
    listed = yaml.safe_load((ROOT / "development/worlds.yaml").read_text(encoding="utf-8"))["worlds"]
    worlds = {world: measured(f"development/{world}.json") for world in listed}
    of_world = {world: rows_of(f"development/{world}.csv") for world in listed}
    changes = [row["change"] for row in of_world["alike"]]
    assert table("docs/results.md", "change", "alike") == [
        [change, *(rounded(rows[place]["ensemble"]) for rows in of_world.values())]
        for place, change in enumerate(changes)
    ]
    for world, count, *values in table("docs/results.md", "world", "labels of a scene"):
        found = [worlds[world][f"mAP, {views} views"] for views in (17, 53)]
        names = ("mean", "mean and prototypes", "and the lift of captions", "ours")
        assert values == [str(of_views[name]) for of_views in found for name in names]
        assert count == str(worlds[world]["labels of a scene"])
    of_windows = worlds["alike"]["mAP of windows with one object"]
    for name, *values in table("docs/results.md", "variant", "global branch"):
        assert values == [str(of_windows[name][branch]) for branch in ("global", "local")]
    rows = table("docs/results.md", "world", "image mean")
    assert [row[0] for row in rows] == list(worlds)
    for world, *values in rows:
        of_world = worlds[world]["decisions of ours"]
        assert values == [" / ".join(map(str, figures)) for figures in of_world.values()]


def test_views():
    found = measured("views.json")
    rows = table("docs/results.md", "views scored", "views")
    assert len(rows) == len(found)
    for of_row, (_, *values, ms) in zip(found.values(), rows, strict=True):
        seconds = of_row.pop("seconds", None)
        assert values == list(map(str, of_row.values()))
        assert ms == ("" if seconds is None else f"{1000 * seconds:.0f}")
    text, fast = page("docs/results.md"), found["scale 2"]["ours"]
    assert f"add {found['scales 2, 3']['ours'] - fast:.1f}." in text
    few, fewer = (found[f"windows undecided, {bound}"] for bound in (0.1, 0.2))
    reached = [f"{of['views']:g} reach {of['ours']}" for of in (few, fewer)]
    assert f"{' and '.join(reached)}, where 17 reach {fast}." in " ".join(text.split())


def test_captions():
    rows = table("docs/results.md", "set", "asked")
    assert {f"{row[0]}.json" for row in rows} == {path.name for path in (METRICS / "captions").glob("*.json")}
    for name, *values in rows:
        of_set = measured(f"captions/{name}.json")
        counts = [str(of_set[key]) for key in ("asked", "parsed", "kept")]
        classes = (f"{of_set['classes_per_caption']:.2f}", str(of_set["fewest_per_class"]))
        assert values == [*counts, str(of_set["characters"]["mean"]), *classes]


def test_held_out_captions():
    rows = table("docs/results.md", "variant", "held-out caption mAP")
    assert rows == [[name, rounded(measured(f"captions_ap/{name}.json")["mAP"])] for name, _ in rows]
    assert {f"{name}.json" for name, _ in rows} == {path.name for path in (METRICS / "captions_ap").iterdir()}


@pytest.mark.parametrize(
    ("heading", "processor"), [("on AVX2", "AMD EPYC, AVX2"), ("on AVX-512 with bf16", "AMD EPYC, AVX512")]
)
def test_speed(heading, processor):
    bench = measured("bench.json")[processor]
    rows = table("docs/speed.md", heading, "ours", "reference's order", "ratio")
    assert {row[0] for row in rows} == set(BENCHES)
    for what, ours, reference, ratio in rows:
        part, _, key = BENCHES[what].partition(": ")
        found = bench[part][key]
        assert seconds(ours) == pytest.approx(found["ours"], rel=0.1)
        if reference:
            assert seconds(reference) == pytest.approx(found["reference"], rel=0.02)
        if ratio:
            assert float(ratio) == pytest.approx(found["ratio"], abs=0.06)


def seconds(text: str) -> float:
    value, unit = text.split()
    return float(value) * {"s": 1, "ms": 1e-3}[unit]


def test_equal_bytes():
    expected = [
        [processor, setting, of["date"], str(of["stages"]), str(of["outputs"]), str(len(of["differing"])),
         str(of["minutes"])]
        for processor, settings in measured("determinism.json").items()
        for setting, of in settings.items()
    ]  # fmt: skip
    assert table("docs/reproducibility.md", "processor", "setting") == expected


def load_changed(change: dict, folder: Path):
    """The params with some blocks changed, validated."""
    params = yaml.safe_load(page("params.yaml"))
    for key, block in change.items():
        params[key] |= block
    (folder / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")
    return load_params(folder / "params.yaml")


def test_the_variant_of_development_is_valid(tmp_path):
    (block,) = blocks(page("docs/development.md"), "yaml")
    assert "mine" in load_changed(yaml.safe_load(block), tmp_path).variants


def test_the_language_model_of_coco_is_valid(tmp_path):
    (block,) = blocks(page("docs/coco.md"), "yaml")
    assert load_changed(yaml.safe_load(block), tmp_path).language_model.server


def test_the_vocabulary_of_data_is_valid(tmp_path):
    (block,) = blocks(page("docs/data.md"), "yaml")
    (tmp_path / "mine.yaml").write_text(block, encoding="utf-8")
    vocabulary = load_vocabulary(tmp_path / "mine.yaml")
    assert vocabulary.labels("A cyclist beside the trolley at a tram stop") == ["tram", "cyclist"]


def test_json_examples_are_json():
    for path in PAGES:
        for block in blocks(path.read_text(encoding="utf-8"), "json"):
            json.loads(block)
