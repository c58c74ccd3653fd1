"""The command `lexiclip predict`: photos in, a result printed as soon as its photo is done."""

import argparse
import csv
import io
import json
import sys
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from tqdm import tqdm

from lexiclip.captions.readers import read_captions
from lexiclip.clip_spec import check_clip, prompts_header
from lexiclip.errors import InputError
from lexiclip.files import check_writable
from lexiclip.images.csv_labels import listed_labels
from lexiclip.images.photo_files import photo_files
from lexiclip.own_classes import check_classes, class_names, is_vocabulary
from lexiclip.study import find_study

if TYPE_CHECKING:
    from lexiclip.predict import Prediction, Predictor

MOST_PHOTOS = 20  # in one heat map


def add_predict(commands: argparse._SubParsersAction) -> None:
    """The command's arguments."""
    command = commands.add_parser("predict", help="labels of photos, as text, JSON lines, CSV or a page")
    command.add_argument(
        "photos", metavar="PHOTO", nargs="+", help="files, folders, patterns ('photos/**/*.jpg')"
    )
    own = (
        "your own: \"tram, cyclist, zebra crossing\", or a .txt of them (default: the study's, or COCO's 80)"
    )
    command.add_argument("--classes", help=own)
    prompts = "prompts of a project, a folder (its ensemble) or one variant's file (default: models/prompts)"
    command.add_argument("--prompts", help=prompts)
    spec = "without a study: NAME/WEIGHTS (ViT-B-16/openai), hf-hub:NAME, or a folder or file of weights"
    command.add_argument("--clip", metavar="CLIP", help=spec)
    command.add_argument(
        "--captions", metavar="FILE", help="with --clip: captions whose mean feature joins in, class by class"
    )
    views = "how many of a photo are scored: fast (17), default (the study's, or 17), all (141)"
    command.add_argument("--views", choices=("fast", "default", "all"), default="default", help=views)
    shown = command.add_mutually_exclusive_group()
    shown.add_argument("--top", type=int, metavar="K", help="the K best labels, present or not")
    shown.add_argument(
        "--threshold", type=float, metavar="P", help="probability from which a label is present"
    )
    form = command.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="one JSON line a photo, every label in it")
    form.add_argument(
        "--csv", action="store_true", help="a table of image and labels, which `images.labels` reads"
    )
    command.add_argument(
        "--report", metavar="OUT.html", help="a page of the photos and where labels were found"
    )
    command.add_argument("--heatmap", metavar="OUT.png", help="draw where the top labels were found")
    command.set_defaults(run=print_predictions)


def print_predictions(arguments: argparse.Namespace) -> None:
    """Print what the arguments ask for. InputError for bad ones, and at the end for photos not read."""
    photos = photo_files(arguments.photos)
    _check(arguments, photos)
    predictor = _predictor(arguments)
    # Imported here: asking for help or giving a wrong argument needs no torch, which takes seconds to load.
    from lexiclip.predict import encode_photos, label

    if arguments.heatmap:
        from lexiclip.heatmap import draw_heatmap, heatmap_row
    if arguments.report:
        from lexiclip.report.page import write_photos
        from lexiclip.report.photos import card
    if arguments.csv:
        _check_table(predictor.names[: predictor.shown])
        _say("image,labels")
    unreadable, rows, cards = 0, [], []
    for photo in encode_photos(predictor, photos):
        if isinstance(photo, str):
            unreadable += 1
            _say(f"skipped: {printable(photo)}", sys.stderr)
            continue
        prediction = label(predictor, photo, arguments.threshold)
        labels = shown(prediction, arguments.top)
        _say(written(prediction, labels, arguments))
        if arguments.heatmap:
            rows.append(heatmap_row(predictor, photo, prediction))
        if arguments.report:
            cards.append(card(predictor, photo, printable(prediction.image), labels))
    if rows:
        draw_heatmap(rows, arguments.heatmap)
        _say(f"-> {arguments.heatmap}", sys.stderr)
    if cards:
        write_photos(arguments.report, cards)
        _say(f"-> {arguments.report}", sys.stderr)
    if unreadable:
        raise InputError(f"{unreadable} of {len(photos)} photos could not be read")


def shown(prediction: "Prediction", top: int | None) -> list[tuple[str, float]]:
    """The `top` best labels, or those predicted, with their probabilities."""
    ranked = list(zip(prediction.labels, prediction.probabilities, strict=True))
    return [pair for pair in ranked if pair[0] in prediction.present] if top is None else ranked[:top]


def written(prediction: "Prediction", labels: list[tuple[str, float]], arguments: argparse.Namespace) -> str:
    """A photo's JSON line, its row of a table, or its block of text with one label per line."""
    if arguments.json:
        return json.dumps(prediction._asdict())
    if arguments.csv:
        row = io.StringIO()
        csv.writer(row, lineterminator="\n").writerow(
            [prediction.image, "; ".join(name for name, _ in labels)]
        )
        return row.getvalue().removesuffix("\n")
    lines = [f"  {likely:.2f}  {name}" for name, likely in labels]
    if not lines:
        likely, name = max(zip(prediction.probabilities, prediction.labels, strict=True))
        lines = [f"  none, the likeliest is {likely:.2f}  {name}"]
    return "\n".join(map(printable, [prediction.image, *lines]))


def printable(text: str) -> str:
    """The text without what moves a terminal's cursor, starts a line or is no character."""
    return "".join("\ufffd" if unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") else c for c in text)


def _check(arguments: argparse.Namespace, photos: Sequence[Path]) -> None:
    """InputError for arguments that do not fit, before anything is loaded."""
    if arguments.threshold is not None and not 0 <= arguments.threshold <= 1:
        raise InputError(f"--threshold {arguments.threshold:g}: a probability from 0 to 1")
    if arguments.top is not None and arguments.top < 1:
        raise InputError(f"--top {arguments.top}: a number of labels from 1 up")
    if arguments.top is not None and arguments.json:
        raise InputError("--top shortens no --json: each line has all labels, best first")
    if arguments.captions and not arguments.clip:
        raise InputError("--captions goes with --clip: a study was tuned on captions already")
    if arguments.heatmap and len(photos) > MOST_PHOTOS:
        told = f"{len(photos)} photos in one heat map: give at most {MOST_PHOTOS}"
        raise InputError(f"{arguments.heatmap}: {told}")
    if not any(photo.exists() for photo in photos):
        raise InputError(f"{photos[0]}: no such file or folder")
    inputs = {photo.resolve() for photo in photos}
    for path, ending in ((arguments.heatmap, ".png"), (arguments.report, ".html")):
        if path:
            if Path(path).resolve() in inputs:
                raise InputError(f"{path}: this is one of the photos: give another name to write to")
            if Path(path).suffix.lower() != ending:
                raise InputError(f"{path}: expected a name that ends in {ending}")
            check_writable(path)


def _check_table(names: Sequence[str]) -> None:
    """InputError if a table would not give a class name back."""
    if odd := [name for name in names if listed_labels(name) != [name]]:
        read = " and ".join(map(repr, listed_labels(odd[0])))
        raise InputError(f"--csv: {odd[0]!r} would be read from the table as {read}: use --json")


def _predictor(arguments: argparse.Namespace) -> "Predictor":
    given, prompts = arguments.classes, arguments.prompts or "models/prompts"
    classes = None if given is None else class_names(given)
    if classes is not None:
        check_classes(classes)
        if arguments.csv:
            _check_table(classes)
    if not arguments.clip:
        find_study(Path(prompts), classes)
        from lexiclip.predict import load_study

        return load_study(prompts, classes, arguments.views)
    check_clip(arguments.clip)
    if arguments.captions:
        read_captions(arguments.captions)
    if arguments.prompts:
        prompts_header(arguments.prompts)
    from lexiclip.any_clip import any_clip

    classes = given if is_vocabulary(given) else classes
    return any_clip(arguments.clip, classes, arguments.captions, arguments.prompts, arguments.views)


def _say(text: str, file: TextIO | None = None) -> None:
    """Print at once, and clear of the progress bar."""
    tqdm.write(text, file=file)
    (file or sys.stdout).flush()
