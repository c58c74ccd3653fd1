"""The command `lexiclip`: label captions from their text, photos by their content; evaluate a scores file."""

import argparse
import io
import json
import math
import os
import sys
import time
from pathlib import Path

from lexiclip.captions.readers import read_captions
from lexiclip.errors import InputError, run_stage
from lexiclip.evaluation.evaluate_files import evaluate_files
from lexiclip.files import read_text
from lexiclip.own_captions import SHIPPED
from lexiclip.own_classes import class_names, is_vocabulary
from lexiclip.predict_command import add_predict
from lexiclip.tune import tune
from lexiclip.vocabulary import load_vocabulary


def main() -> None:
    """Run the command line; bad input ends in one line on stderr and exit code 1."""
    arguments = _parser().parse_args()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # where stdout is ASCII, "caf\xe9" is no error
    try:
        run_stage(lambda: arguments.run(arguments))
        sys.stdout.flush()
    except BrokenPipeError:
        # `lexiclip label … | head` wants no more; without this, Python complains again as it closes stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def label_captions(captions: str | Path, vocabulary: str) -> list[dict]:
    """{"caption", "labels"} for each line of a text file, or each caption of a table or JSON.

    `vocabulary` names one of ours or a file.
    """
    known = {path.stem: path for path in SHIPPED}
    if vocabulary not in known and not Path(vocabulary).is_file():
        raise InputError(f"--vocabulary {vocabulary}: choose {', '.join(sorted(known))} or a YAML file")
    words = load_vocabulary(known.get(vocabulary, vocabulary))
    if Path(captions).suffix.lower() in (".csv", ".tsv", ".json", ".jsonl"):
        lines = read_captions(captions)
    else:
        text = read_text(captions)
        lines = text.removesuffix("\n").split("\n") if text else []
    return [{"caption": line, "labels": words.labels(line)} for line in lines]


def _print_labels(arguments: argparse.Namespace) -> None:
    for row in label_captions(arguments.captions, arguments.vocabulary):
        print(json.dumps(row))


def _print_evaluation(arguments: argparse.Namespace) -> None:
    rule = f"scores of at least {arguments.threshold}"
    if arguments.threshold is None:
        rule = f"the highest scores overall, {arguments.per_image:g} an image on average"
        if not 0 < arguments.per_image < math.inf:
            raise InputError(f"--per-image {arguments.per_image:g}: a finite number of labels above 0")
    elif not math.isfinite(arguments.threshold):
        raise InputError(f"--threshold {arguments.threshold:g}: a finite number")
    result = evaluate_files(arguments.scores, arguments.labels, arguments.threshold, arguments.per_image)
    print(f"predicted for CF1 and OF1: {rule}", file=sys.stderr)
    print(json.dumps(result, indent=2))


def _tune(arguments: argparse.Namespace) -> None:
    start, given = time.monotonic(), arguments.classes
    classes = given if is_vocabulary(given) else class_names(given)
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


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="lexiclip", description="Multi-label recognition tuned on captions."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    command = commands.add_parser("label", help="labels of captions, from their text, as JSON lines")
    command.add_argument("captions", metavar="CAPTIONS.txt", help="one caption a line; or a .csv, .json")
    command.add_argument("--vocabulary", default="coco80", help="coco80 (default), voc20, nus81 or FILE.yaml")
    command.set_defaults(run=_print_labels)
    add_predict(commands)
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
    command.add_argument("scores", metavar="SCORES", help=".npz, .npy, .json or .jsonl: docs/data.md")
    labels = "COCO's .json, a .csv, VOC's annotations or a folder of NUS-WIDE"
    command.add_argument("labels", metavar="LABELS", help=labels)
    rule = command.add_mutually_exclusive_group()
    cut = "for CF1 and OF1: the score from which a label is predicted"
    rule.add_argument("--threshold", type=float, help=cut)
    rule.add_argument("--per-image", type=float, default=3.0, metavar="N",
                      help="or the highest scores overall, N an image on average (default: 3)")  # fmt: skip
    command.set_defaults(run=_print_evaluation)
    return parser
