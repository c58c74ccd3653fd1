"""Photos in, ranked labels out, for the study's classes or one's own: tuned contexts serve any class name.

from lexiclip.predict import load_study, predict
study = load_study(classes=["tram", "cyclist", "zebra crossing"])
labels = [photo.labels for photo in predict(study, ["street.jpg"])]
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

from lexiclip.clip.loading import load_clip, model_id
from lexiclip.devices import best_device
from lexiclip.errors import InputError
from lexiclip.images.views import load_rgb
from lexiclip.params import BASELINES, Params, load_params
from lexiclip.prompts.class_vectors import (
    ClassVectors,
    Prompts,
    class_vectors,
    load_prompts,
    zero_shot_vectors,
)
from lexiclip.scoring.ensemble import mean_standardised, votes
from lexiclip.scoring.image_scores import fuse_variant
from lexiclip.scoring.retrieval import CaptionSets
from lexiclip.scoring.window_pass import score_images
from lexiclip.vocabulary import load_vocabulary


class Study(NamedTuple):
    """What scores a photo. Of the K classes `names`, the first `shown` are ranked, the others compete."""

    params: Params
    clip: nn.Module
    names: tuple[str, ...]
    shown: int
    vectors: dict[str, ClassVectors]


class Prediction(NamedTuple):
    """A photo's labels, best first. A score counts deviations above the mean class of the photo."""

    image: str
    labels: list[str]
    scores: list[float]


def load_study(prompts: str | Path = "models/prompts", classes: Sequence[str] | None = None) -> Study:
    """The study whose tuned prompts are `prompts`: a folder (its ensemble), or one variant's .safetensors.

    Params, vocabulary and CLIP are those of the nearest params.yaml above it. `classes` are ranked in place
    of the vocabulary's, which stay as competitors unless a given name stands for the same. InputError names a
    file that is missing or of another CLIP, and a class name longer than a prompt.
    """
    root = _root(Path(prompts))
    params = load_params(root / "params.yaml")
    files = _prompt_files(Path(prompts), params)
    vocabulary = load_vocabulary(root / params.vocabulary.file, params.vocabulary.without)
    names = own = vocabulary.names if classes is None else tuple(dict.fromkeys(classes))
    if not own or not all(name.strip() for name in own):
        raise InputError(f"classes {list(own)}: expected at least one name, and none empty")
    if classes is not None:
        meant = {name for given in own for name in [given, *vocabulary.labels(given)]}
        names = (*own, *(name for name in vocabulary.names if name not in meant))
    clip = load_clip(root / "models/clip", params.precision).to(best_device(params.precision))
    made_with = model_id(clip)
    vectors = {file.stem: _vectors(clip, file.stem, load_prompts(file, made_with), names) for file in files}
    vectors = {variant: of_variant for variant, of_variant in vectors.items() if of_variant is not None}
    if not vectors:
        raise InputError(f"{prompts}: no learned contexts, so only its own classes: choose a tuned variant")
    return Study(params, clip, names, len(own), vectors)


def predict(study: Study, images: Sequence[str | Path]) -> list[Prediction]:
    """Labels of photos by the whole image and its windows, fused per variant, then the variants' mean.

    Neither retrieval nor co-occurrence takes part: they know the vocabulary's captions, not any class. All
    photos are read before the first is scored: InputError names those that cannot be, unless params allow
    to skip them.
    """
    windows = study.params.windows
    images = _readable(images, windows.skip_unreadable)
    with TemporaryDirectory() as folder:
        score_images(
            study.clip,
            [(str(number), path) for number, path in enumerate(images)],
            study.vectors,
            CaptionSets(torch.empty(0, 0), [], {}),
            study.names,
            windows.scales,
            windows.shapes,
            folder,
            workers=min(windows.workers, len(images) - 1),
        )
        fused = [_fused(study.params, folder, variant) for variant in study.vectors]
    scores = mean_standardised(np.stack(fused), votes_of(study))[:, : study.shown]  # (N, shown)
    order = np.argsort(-scores, axis=1, kind="stable")
    ranked = np.take_along_axis(scores, order, axis=1).round(4)
    return [
        Prediction(str(image), [study.names[k] for k in classes], of_image)
        for image, classes, of_image in zip(images, order.tolist(), ranked.tolist(), strict=True)
    ]


def votes_of(study: Study) -> np.ndarray:
    """Which variants have a say about which classes (V, K)."""
    return votes(study.params.hard_classes(study.vectors), study.names)


def _readable(images: Sequence[str | Path], skip: bool) -> list[str | Path]:
    readable, broken = [], []
    for image in images:
        try:
            load_rgb(image)
            readable.append(image)
        except InputError as error:
            broken.append(str(error))
    if broken and not (skip and readable):
        raise InputError(f"{len(broken)} of {len(images)} photos cannot be read: {'; '.join(broken)}")
    for line in broken:
        print(f"skipped: {line}", file=sys.stderr)
    if not readable:
        raise InputError("no photos: give at least one image file")
    return readable


def _root(prompts: Path) -> Path:
    for folder in prompts.absolute().parents:
        if (folder / "params.yaml").is_file():
            return folder
    raise InputError(
        f"{prompts}: no params.yaml above it: run this in the project, or name a project's prompts"
    )


def _prompt_files(prompts: Path, params: Params) -> list[Path]:
    if prompts.suffix == ".safetensors":
        files = [prompts]
    else:
        files = [prompts / f"{variant}.safetensors" for variant in params.ensemble.variants]
    known = (*BASELINES, *params.variants)
    for file in files:
        if not file.is_file():
            raise InputError(f"{file}: no such file: run `dvc pull` (or `make repro` to train the prompts)")
        if file.stem not in known:
            raise InputError(f"{file}: no variant of params.yaml: choose from {', '.join(known)}")
    return files


def _vectors(clip: nn.Module, variant: str, prompts: Prompts, names: Sequence[str]) -> ClassVectors | None:
    """Class vectors of `names`; None if the variant has learned nothing that holds for other classes."""
    if set(names) <= set(prompts.names):
        rows = [prompts.names.index(name) for name in names]
        return ClassVectors(*(part if part is None else part[rows] for part in prompts.vectors))
    if prompts.contexts is not None:
        return class_vectors(clip, prompts.contexts, names)
    return zero_shot_vectors(clip, names) if variant == "zero_shot" else None


def _fused(params: Params, folder: str, variant: str) -> np.ndarray:
    how = params.fusing(variant) | {"retrieval": False, "companion_weight": 0.0}
    return fuse_variant(folder, variant, np.empty((0, 0)), **how).windows
