"""The command `lexiclip`: label captions from their text, photos by their content; evaluate a scores file."""

import argparse
import csv
import json
import os
import re
import sys
from pathlib import Path

from lexiclip.errors import InputError, run_stage
from lexiclip.evaluation.any_system import evaluate_files
from lexiclip.files import read_text
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


def _print_labels(arguments: argparse.Namespace) -> None:
    for row in label(arguments.captions, arguments.vocabulary):
        print(json.dumps(row))


def _print_evaluation(arguments: argparse.Namespace) -> None:
    rule = f"of at least {arguments.threshold}"
    if arguments.threshold is None:
        rule = f"that are the highest of all, {arguments.per_image:g} for the mean image"
    print(f"CF1 and OF1: labels with scores {rule} are held present", file=sys.stderr)
    result = evaluate_files(arguments.scores, arguments.labels, arguments.threshold, arguments.per_image)
    print(json.dumps(result, indent=2))


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
    command = commands.add_parser("evaluate", help="mAP, CF1 and OF1 of a scores file, in per cent")
    command.add_argument("scores", metavar="SCORES", help=".npz, .npy, .json or .jsonl: docs/data.md")
    labels = "COCO's .json, a .csv, VOC's annotations or a folder of NUS-WIDE"
    command.add_argument("labels", metavar="LABELS", help=labels)
    rule = command.add_mutually_exclusive_group()
    cut = "for CF1 and OF1: the score from which a label is held present"
    rule.add_argument("--threshold", type=float, help=cut)
    rule.add_argument("--per-image", type=float, default=3.0, metavar="N",
                      help="or the highest scores of all, N for the mean image (default: 3)")  # fmt: skip
    command.set_defaults(run=_print_evaluation)
    return parser
