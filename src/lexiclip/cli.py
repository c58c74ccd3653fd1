"""The command `lexiclip`: label captions from their text, photos by their content; evaluate a scores file."""

import argparse
import csv
import json
import os
import re
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np

from lexiclip.errors import InputError, run_stage
from lexiclip.evaluation.metrics import evaluate
from lexiclip.files import read_json, read_npz, read_text, reading
from lexiclip.images.coco import CocoLabels, read_coco_labels
from lexiclip.vocabulary import load_vocabulary

VOCABULARIES = Path(__file__).with_name("vocabularies")


def main() -> None:
    """Run the command line; bad input ends in one line on stderr and exit code 1."""
    arguments = _parser().parse_args()
    try:
        run_stage(lambda: arguments.run(arguments))
        sys.stdout.flush()
    except BrokenPipeError:
        # `lexiclip label … | head` wants no more; without this, Python complains again as it closes stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def label(captions: str | Path, vocabulary: str) -> list[dict]:
    """{"caption", "labels"} for each line of a text file; `vocabulary` names one of ours or a file."""
    known = {path.stem: path for path in VOCABULARIES.glob("*.yaml")}
    if vocabulary not in known and not Path(vocabulary).is_file():
        raise InputError(f"--vocabulary {vocabulary}: choose {', '.join(sorted(known))} or a YAML file")
    words = load_vocabulary(known.get(vocabulary, vocabulary))
    text = read_text(captions)
    lines = text.removesuffix("\n").split("\n") if text else []
    return [{"caption": line, "labels": words.labels(line)} for line in lines]


def evaluate_files(scores_file: str | Path, labels_file: str | Path) -> dict:
    """`evaluation.evaluate` of a scores file against COCO's instances JSON, with class names in `left_out`.

    Scores: .npz or JSON of `scores` (N, K), `ids` (file names, their stems or image numbers) and `names`; a
    JSON list of N rows has every image by number and every category by id.
    """
    stored = _read_scores(scores_file)
    names = _distinct(stored, "names", scores_file)
    coco = read_coco_labels(labels_file, names)
    rows = _rows(coco, _distinct(stored, "ids", scores_file), scores_file)
    scores = stored["scores"]
    if scores.shape != (len(rows), len(coco.names)):
        raise InputError(
            f"{scores_file}: scores {scores.shape}, expected ({len(rows)} images, {len(coco.names)} classes)"
        )
    if len(rows) < len(coco.numbers):
        print(f"note: {len(rows)} of {len(coco.numbers)} labelled images have scores", file=sys.stderr)
    try:
        result = evaluate(scores, coco.labels[rows])
    except InputError as error:
        raise InputError(f"{scores_file}: {error}") from None
    return result | {"left_out": [coco.names[k] for k in result["left_out"]]}


def _read_scores(path: str | Path) -> dict:
    if Path(path).suffix == ".npz":
        stored: dict = read_npz(path)
    else:
        content = read_json(path)
        stored = content if isinstance(content, dict) else {"scores": content}
    if "scores" not in stored:
        raise InputError(f"{path}: no `scores`")
    with reading(path, "`scores` must be a table of numbers, images by classes"):
        return stored | {"scores": np.asarray(stored["scores"], dtype=np.float64)}


def _distinct(stored: dict, key: str, path: str | Path) -> tuple[str, ...] | None:
    if key not in stored:
        return None
    with reading(path, f"`{key}` must be a list"):
        values = tuple(map(str, stored[key]))
    value, times = Counter(values).most_common(1)[0] if values else ("", 0)
    if times > 1:
        raise InputError(f"{path}: {value!r} is {times} times in `{key}`")
    return values


def _rows(coco: CocoLabels, ids: tuple[str, ...] | None, path: str | Path) -> list[int]:
    """The row of labels of each id: a file name's stem or, failing that, a file name, or an image number."""
    if ids is None:
        return list(range(len(coco.numbers)))
    ways = [map(str, coco.numbers), coco.files, (Path(file).stem for file in coco.files)]
    row_of = {name: row for way in ways for row, name in enumerate(way)}
    if unknown := [image_id for image_id in ids if image_id not in row_of]:
        raise InputError(f"{path}: no labels for {len(unknown)} of its images, the first is {unknown[0]}")
    return [row_of[image_id] for image_id in ids]


def _print_labels(arguments: argparse.Namespace) -> None:
    for row in label(arguments.captions, arguments.vocabulary):
        print(json.dumps(row))


def _print_evaluation(arguments: argparse.Namespace) -> None:
    print(json.dumps(evaluate_files(arguments.scores, arguments.labels), indent=2))


def _print_predictions(arguments: argparse.Namespace) -> None:
    # Imported here: the other commands need no torch, which takes seconds to load.
    from lexiclip.heatmap import check_heatmap, draw_heatmap, heatmap_row
    from lexiclip.predict import encode_photos, label, load_study

    if arguments.heatmap:
        check_heatmap(arguments.heatmap, len(arguments.images))
    classes = None if arguments.classes is None else class_names(arguments.classes)
    study = load_study(arguments.profile_of, classes)
    predictions, rows = [], []
    for photo in encode_photos(study, arguments.images):
        predictions.append(label(study, photo))
        if arguments.heatmap:
            rows.append(heatmap_row(study, photo, predictions[-1]))
    for photo in predictions:
        if arguments.json:
            print(json.dumps(photo._asdict()))
        else:
            print(photo.image)
            ranked = list(zip(photo.labels, photo.scores, strict=True))
            print("\n".join(f"{points:8.2f}  {label}" for label, points in ranked[:10]))
    if arguments.heatmap:
        draw_heatmap(rows, arguments.heatmap)
        print(f"-> {arguments.heatmap}", file=sys.stderr)


def _tune(arguments: argparse.Namespace) -> None:
    start, given = time.monotonic(), arguments.classes
    from lexiclip.tune import tune

    classes = given if given.endswith((".yaml", ".yml")) else class_names(given)
    options = {"epochs": arguments.epochs, "seed": arguments.seed}
    tuned = tune(classes, arguments.captions, arguments.clip, arguments.out, **options)
    print(f"{arguments.out}: prompts for {len(tuned.prompts.names)} classes")
    print(
        f"mAP on {len(tuned.captions.held_out)} held-out captions: {tuned.tuned_map} tuned, "
        f"{tuned.zero_shot_map} zero-shot"
    )
    if tuned.tuned_map <= tuned.zero_shot_map:
        print("tuning did not help here: CLIP's own prompts are as good, and simpler")
    print(f"{time.monotonic() - start:.0f} s")


def class_names(text: str) -> list[str]:
    """The names of "a, b; c", or of a .txt file; a name with a comma is given in double quotes."""
    if text.endswith(".txt"):
        text = read_text(text)
    rows = csv.reader(re.split(r"[;\n]", text), skipinitialspace=True)
    return [" ".join(name.split()) for row in rows for name in row if name.strip()]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="lexiclip", description="Multi-label recognition tuned on captions."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    command = commands.add_parser("label", help="labels of captions, from their text, as JSON lines")
    command.add_argument("captions", metavar="CAPTIONS.txt", help="one caption a line")
    command.add_argument("--vocabulary", default="coco80", help="coco80 (default), voc20, nus81 or FILE.yaml")
    command.set_defaults(run=_print_labels)
    command = commands.add_parser("predict", help="ranked labels of photos, as a table or JSON lines")
    command.add_argument("images", metavar="IMAGE", nargs="+", help="image files")
    own = 'your own: "tram, cyclist, zebra crossing", or a .txt of them (default: the study\'s)'
    command.add_argument("--classes", help=own)
    command.add_argument("--json", action="store_true", help="one JSON line a photo, every label in it")
    command.add_argument("--heatmap", metavar="OUT.png", help="draw where the top labels were found")
    prompts = "prompts of a project, a folder (its ensemble) or one variant's file (default: models/prompts)"
    command.add_argument("--profile-of", metavar="PROMPTS", default="models/prompts", help=prompts)
    command.set_defaults(run=_print_predictions)
    command = commands.add_parser("tune", help="prompts for your own classes, from captions")
    command.add_argument(
        "--classes", required=True, help='"tram, cyclist", a .txt of them, or a vocabulary.yaml'
    )
    command.add_argument(
        "--captions", required=True, metavar="FILE", help=".txt, .csv, .tsv, .json or .jsonl"
    )
    command.add_argument("--clip", required=True, help="ViT-B-16/openai, a folder or a file of weights")
    command.add_argument("--out", required=True, metavar="OUT.safetensors", help="the prompts, for `predict`")
    command.add_argument("--epochs", type=int, default=10, help="default 10; the best of them is kept")
    command.add_argument("--seed", type=int, default=0, help="of the order of the texts (default 0)")
    command.set_defaults(run=_tune)
    command = commands.add_parser("evaluate", help="mAP, CF1 and OF1 of a scores file, in per cent")
    command.add_argument("scores", metavar="SCORES", help=".npz or .json of scores, ids and names")
    command.add_argument("labels", metavar="LABELS", help="COCO instances JSON")
    command.set_defaults(run=_print_evaluation)
    return parser
