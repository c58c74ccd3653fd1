"""The commands of README and docs/*.md: each is run here, or it is said why not.

A command that is new on a page, or gone from all, fails the first test until a table of this file says so.
"""

import json
import re
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest
from dvc.dependency import ParamsDependency
from dvc.repo import Repo
from dvc.utils.hydra import apply_overrides
from PIL import Image
from tests.clones import commit_copy, committed, succeed
from tests.coco import instances
from tests.conftest import ROOT

from lexiclip.files import read_jsonl, write_json
from lexiclip.params import load_params
from lexiclip.vocabulary import load_vocabulary

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
TEXTS = [page.read_text(encoding="utf-8") for page in PAGES]
PROGRAMS = "lexiclip|dvc|pip|python|make|torchrun|vllm|docker|git|cp|-S"

# Run in this order in a copy of the project that has its shared datasets: a pattern of what each prints.
RUN = {
    "dvc dag": "evaluate",
    "dvc exp run --queue -S 'windows.scales=[2],[2,3]' -S ensemble.rule=mean,class_advantage": (
        "(Queued experiment.*){4}"
    ),
    "dvc exp show": "workspace",
    "dvc exp show --only-changed": "workspace",
    "dvc metrics diff": r"metrics.json +ensemble.mAP",
    "dvc metrics show": r"metrics/metrics\.json",
    "dvc plots diff": r"index\.html",
    "dvc pull": "up to date",
    "dvc remote add --default bucket s3://my-bucket/lexiclip": "Setting 'bucket' as a default remote",
    "dvc stage list": "train@zema +Prompts",
    "git switch --create coco && cp profiles/coco.yaml params.yaml": "new branch 'coco'",
    'git commit --all --message "Reference study"': "params.yaml|files changed",
    "git switch main && dvc checkout": "branch 'main'",
}

# The CLIP that pages name as an example, and the one that is there without a network.
NAMED, MODEL = "ViT-B-16/openai", "models/clip"

# `lexiclip` itself, and Python that calls it.
LEXICLIP = {
    "lexiclip evaluate data/scores/ensemble.npz data/scenes/instances.json": r'"mAP": \d',
    "lexiclip evaluate predicted.jsonl labels.csv": r'"mAP": 100.0',
    "lexiclip predict street.jpg --clip ViT-B-16/openai --classes mine.txt --prompts prompts.safetensors": (
        r"street.jpg\n"
    ),
    "lexiclip label captions.txt": r'"labels": \["dog", "skateboard"\]',
    (
        "lexiclip tune --classes mine.txt --captions captions.txt --clip ViT-B-16/openai "
        "--out prompts.safetensors"
    ): (r"prompts.safetensors: prompts for 3 classes\nmAP on \d+ held-out captions: \d"),
    "lexiclip predict data/scenes/images/000001.png data/scenes/images/000007.png --heatmap docs/found.png": (
        r"000001.png\n.*000007.png\n.*-> docs/found.png"
    ),
    "lexiclip predict photos --csv --threshold 0.6": "image,labels\nphotos/a.jpg,.*photos/b.jpg,",
    "lexiclip predict 'photos/**/*.jpg' --json": (
        r'({"image": "photos/[ab].jpg", "labels": \["[^\n]*"present": \[[^\n]*\n){2}'
    ),
    "lexiclip predict photos --report labels.html": r"photos/a.jpg\n  .*photos/b.jpg\n  .*-> labels.html",
    """lexiclip predict street.jpg --classes 'tram, cyclist, "crossing, striped"' --heatmap found.png""": (
        r"street.jpg\n.*  (tram|cyclist|crossing, striped)\n-> found.png"
    ),
    'lexiclip predict street.jpg --clip ViT-B-16/openai --classes "tram, cyclist"': (
        r"street.jpg\n.*0\.\d\d  (tram|cyclist)\n"
    ),
    "lexiclip predict street.jpg --clip models/clip --captions captions.txt --prompts "
    "models/prompts/ema.safetensors": r"street.jpg\n.*0\.\d\d  \w",
    "lexiclip predict photos --views fast": r"photos/a.jpg\n  .*photos/b.jpg\n  ",
    "lexiclip predict street.jpg --top 5": r"street.jpg\n(  0\.\d\d  [^\n]*\n){5}$",
}

# Experiments: the stages that read what is changed, and run again with all that follows them. A stage without
# its item stands for all of its items that are touched.
RERUN = {
    "-S 'windows.scales=[2,3]'": "",
    "-S clip.model=RN50 -S clip.weights=openai": "clip",
    "dvc exp run -S 'windows.scales=[2,3,4]'": "score report",
    "dvc exp run -S 'windows.scales=[2,3,4]' -S 'windows.shapes=[square,1x2,1x1.5,2x3]'": "score report",
    "dvc exp run -S clip.model=RN50-quickgelu -S clip.weights=rn50/open_clip_model.safetensors": "clip",
    "dvc exp run -S fusion.retrieval=false": "ensemble evaluate",
    "dvc exp run -S baselines.fusion.local_weight=1.0": "baselines ensemble evaluate report",
    "dvc exp run -S images.labels=…/instances.json -S images.folder=…/images": (
        "score ceiling evaluate report"
    ),
    "dvc exp run -S train.ema_decay=0.999": "train@diffh train@ema train@zema",
}

# Too long to run, or to run what has changed: what `--dry` says would be done.
DRY = {
    "dvc repro --pull --allow-missing evaluate": "'train@best' didn't change",
    "make bench": "python bench\n",
    "make lint": "ruff check .\n",
    "make lock": "uv pip compile",
    "make repro": "dvc pull\ndvc repro\n",
    "make seeds": "python bench/seeds.py\n",
    "make test": "python -m pytest",
    "make test-all": "python -m pytest",
}

LEFT_OUT = {
    "dvc exp run --queue -C mine.yaml -S vocabulary.file=mine.yaml": "re-runs nearly all",
    "-S vocabulary.file=mine.yaml": "re-runs nearly all, so there is no short list to compare with",
    "dvc exp run --queue -S train.seed=0,1,2 && dvc queue start --jobs 1": "trains three times",
    "dvc exp run --dry": "named for what it cannot do",
    "dvc exp run -S fusion.window_weight=2.0": "a minute; another change of fusion is among the experiments",
    "dvc plots": "the family of `dvc plots diff`",
    "dvc status": "tests/pipeline asks it of dvc.yaml",
    "dvc status dvc.yaml": "tests/pipeline asks it after a run",
    "python stages/mix.py": "tests/stages runs its script",
    "dvc push": "no bucket here; tests/sharing pushes to a server",
    "dvc queue start --jobs 1": "runs the study four times",
    "dvc repro": "tests/pipeline runs it with small params",
    "dvc repro --force prototypes": "minutes; tests/pipeline runs the stage with small params",
    "dvc repro --force ceiling": "minutes; tests/pipeline runs the stage with small params",
    "dvc repro evaluate": "tests/stages runs its script",
    "dvc remote add --default team ssh://user@host/folder": "tests/sharing adds one",
    "dvc remote modify team verify true": "tests/sharing sets it",
    "hf download timm/resnet50_clip.openai --local-dir rn50": "no network; it is the hub's own command",
    "git clone": "tests/sharing pulls into clones",
    "python bench/operations.py": "minutes; tests/bench runs it on ten images",
    "pip install .": "asks a registry; `make` installs from requirements.lock",
    "python bench/gpu.py": "no GPU; tests/bench runs it at a size of seconds",
    "python bench/gpu.py --toy gpu.json": "tests/bench runs it, with a tiny CLIP",
    "dvc repro development/dvc.yaml": "minutes; tests/pipeline runs a small world",
    "python bench/views.py": "three minutes; tests/bench runs it on three photos",
    "python bench/determinism.py": "makes the whole study again, several times",
    'python bench/determinism.py "no AVX, 2 threads"': "makes the whole study again",
    'python bench/determinism.py "no AVX, 2 threads" prototypes ceiling': "the same of two stages",
    "python bench/scoring_steps.py mini 16": "minutes; it reports, and nothing reads what it says",
    "python bench/scoring_steps.py RN50 2": "minutes; it reports, and nothing reads what it says",
    "python bench/store.py": "a minute; tests/bench runs it on 300 texts",
    "torchrun --nproc-per-node 8 stages/score.py && dvc repro": "tests/stages runs two processes",
    "torchrun --nproc-per-node 8 stages/train.py zema && dvc commit": "tests/stages runs two processes",
    "vllm serve Qwen/Qwen2.5-7B-Instruct": "no GPU; tests/captions asks a server that answers as vLLM does",
}


def commands(page: str) -> set[str]:
    """What a reader is to type: the lines of sh blocks, and code in the text that begins with a program."""
    blocks = "\n".join(re.findall(r"```sh\n(.*?)```", page, re.DOTALL)).replace("\\\n", " ")
    lines = {re.sub(r"(^|\s)# .*", "", line).strip() for line in blocks.splitlines()}
    text = re.sub(r"```.*?```", "", page, flags=re.DOTALL)
    spans = {" ".join(span.split()) for span in re.findall(r"`([^`]+)`", text)}
    return {*filter(None, lines), *(span for span in spans if re.match(f"({PROGRAMS}) ", span))}


def test_every_command_is_accounted_for():
    tables = [RUN, LEXICLIP, RERUN, DRY, LEFT_OUT]
    listed = set().union(*tables)
    written = set().union(*map(commands, TEXTS))
    assert written - listed == set(), "on a page alone: add each to a table of this file"
    assert listed - written == set(), "on no page any more"
    assert len(listed) == sum(map(len, tables))


@pytest.fixture(scope="module")
def copy(tmp_path_factory) -> Path:
    """The repository after `dvc pull`, where mAP is another than in the last commit."""
    root = tmp_path_factory.mktemp("readme")
    commit_copy(root)
    metrics = root / "metrics/metrics.json"
    measured = metrics.read_text()
    before = json.loads(measured)
    before["ensemble"]["mAP"] -= 1
    metrics.write_text(json.dumps(before))
    succeed(root, "git commit -q --all -m before && dvc pull")
    metrics.write_text(measured)
    return root


@pytest.fixture
def project(copy, monkeypatch):
    """The copy as the working folder; a command may have gone to a commit with other metrics."""
    monkeypatch.chdir(copy)
    (copy / "metrics/metrics.json").write_bytes(committed("metrics/metrics.json"))
    return copy


@pytest.fixture
def files(project):
    """Files named as on the pages: captions, classes, photos, scenes and scores of them."""
    written = [row["text"] for row in read_jsonl(project / "data/captions/multi.jsonl")[:300]]
    (project / "captions.txt").write_text("\n".join(["A dog rides a skateboard.", *written]))
    (project / "mine.txt").write_text("person\ncar\nhorse\n")
    shutil.copy(project / "models/prompts/ema.safetensors", project / "prompts.safetensors")
    (project / "labels.csv").write_text("image,labels\na.jpg,dog\nb.jpg,cat\n")
    scored = {"photos/a.jpg": ["dog", "cat"], "photos/b.jpg": ["cat", "dog"]}
    lines = [json.dumps({"image": i, "labels": labels, "scores": [1, 0]}) for i, labels in scored.items()]
    (project / "predicted.jsonl").write_text("\n".join(lines))
    rng = np.random.default_rng(0)
    photos = ["street.jpg", "photos/a.jpg", "photos/b.jpg"]
    scenes = [f"data/scenes/images/{number:06d}.png" for number in range(8)]
    for photo in (*photos, *scenes):
        (project / photo).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (60, 90, 3), dtype=np.uint8)).save(project / photo)
    vocabulary = load_params(project / "params.yaml").vocabulary
    names = load_vocabulary(project / vocabulary.file, vocabulary.without).names
    shown = instances([Path(scene).name for scene in scenes], names, zip(range(8), range(8), strict=True))
    write_json(project / "data/scenes/instances.json", shown)
    (project / "data/scores").mkdir(exist_ok=True)
    ids = [Path(scene).stem for scene in scenes]
    np.savez(project / "data/scores/ensemble.npz", ids=ids, names=names, scores=rng.random((8, len(names))))
    yield
    shutil.rmtree(project / "data/scenes")
    shutil.rmtree(project / "data/scores")


@pytest.mark.parametrize("command", RUN)
def test_it_runs(project, command):
    assert re.search(RUN[command], succeed(project, command), re.DOTALL)


@pytest.mark.parametrize("command", LEXICLIP)
def test_lexiclip_runs(files, command, lexiclip):
    _, *words = (MODEL if word == NAMED else word for word in shlex.split(command))
    printed = lexiclip(*words)
    assert re.search(LEXICLIP[command], printed.out + printed.err, re.DOTALL)


def test_the_python_runs(files):
    blocks = [block for text in TEXTS for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL)]
    assert len(blocks) == 2
    for block in blocks:
        names: dict = {}
        exec(block.replace(NAMED, MODEL), names)
        assert len(names["labels"]) == 1 and set(names["labels"][0]) <= {"cyclist", "tram"}


@pytest.fixture(scope="module")
def params_before(copy):
    return changed_params(copy)


@pytest.mark.parametrize("command", RERUN)
def test_an_experiment_reruns_what_it_must(project, command, params_before):
    """By the params that DVC finds changed: `dvc exp run --dry` needs every intermediate file."""
    apply_overrides("params.yaml", re.findall(r"-S (\S+)", re.sub("'", "", command).replace("…", "my")))
    after = changed_params(project)
    succeed(project, "git checkout -q params.yaml")
    touched = {stage for stage in after if after[stage] != params_before.get(stage)}
    expected = set(RERUN[command].split())
    assert {stage if stage in expected else stage.split("@")[0] for stage in touched} == expected


def changed_params(root: Path) -> dict[str, dict]:
    """The params of each stage, as stage@item, that are no longer those of dvc.lock."""
    with Repo(root) as repo:
        return {
            stage.name: changed
            for stage in repo.stage.load_all("dvc.yaml")
            for dep in stage.deps
            if isinstance(dep, ParamsDependency) and (changed := dep.status())
        }


@pytest.mark.parametrize("command", DRY)
def test_it_would_do(project, command):
    assert DRY[command] in succeed(project, f"{command} --dry")
