"""Photos in, labels out, for the study's classes or one's own: tuned contexts serve any class name.

from lexiclip.predict import load_study, predict
study = load_study(classes=["tram", "cyclist", "zebra crossing"])
labels = [photo.present for photo in predict(study, ["street.jpg"])]

`lexiclip.any_clip` makes the same of any CLIP, without a study.
"""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from torch import nn

from lexiclip.clip.loading import load_clip, model_id
from lexiclip.devices import best_device
from lexiclip.errors import InputError
from lexiclip.images.windows import SHAPES
from lexiclip.params import PROTOTYPES
from lexiclip.prompts.class_vectors import (
    ClassVectors,
    Prompts,
    class_vectors,
    load_prompts,
    zero_shot_vectors,
)
from lexiclip.scoring.decisions import Rule, probabilities, read_decisions
from lexiclip.scoring.ensemble import class_mask, mean_standardised, with_prototypes
from lexiclip.scoring.fusion import WITHOUT_CAPTIONS, fuse_scores
from lexiclip.scoring.lift import read_lift, with_lift
from lexiclip.scoring.view_features import Photo, encoded_photos
from lexiclip.scoring.window_pass import Windows, window_scores
from lexiclip.study import find_study

# Scales and shapes by name: 16 windows, and 140. Those of scale 4, which the reference adds, cost as much
# again and made labels worse on development scenes (docs/results.md).
VIEWS = {"fast": ([2], ["square"]), "all": ([2, 3], SHAPES)}


class Predictor(NamedTuple):
    """What scores a photo. Of the K classes `names`, the first `shown` are ranked, the others compete."""

    clip: nn.Module
    names: tuple[str, ...]
    shown: int
    vectors: dict[str, ClassVectors]  # by variant, in the type and on the device of `clip`
    fusing: dict[str, dict]  # by variant, the settings of `fuse_scores`
    mask: np.ndarray  # (V, K), the classes that a variant counts for
    windows: Windows
    workers: int  # processes that decode and crop
    lift: np.ndarray | None  # (K, K), what classes seen together add to the ensemble's scores
    rule: Rule  # how its scores become probabilities and labels

    def ensemble(self, scores: Sequence[np.ndarray]) -> np.ndarray:
        """One score a class (..., K) from those (..., K) of each variant, of a photo or a place in it."""
        of_text = [part for name, part in zip(self.vectors, scores, strict=True) if name != PROTOTYPES]
        if len(of_text) == len(scores):
            return mean_standardised(np.stack(scores), self.mask)
        of_images = scores[list(self.vectors).index(PROTOTYPES)]
        if not of_text:
            return of_images
        return with_prototypes(mean_standardised(np.stack(of_text), self.mask), of_images)

    def probabilities(self, scores: np.ndarray) -> np.ndarray:
        """How likely each class is present (N, K), from the scores (N, K) of the ensemble."""
        return probabilities(scores, self.rule)


class Prediction(NamedTuple):
    """A photo's labels, best first, and those predicted.

    A score counts deviations above the mean class of the photo.
    """

    image: str
    labels: list[str]
    scores: list[float]
    probabilities: list[float]
    present: list[str]


def load_study(
    prompts: str | Path = "models/prompts", classes: Sequence[str] | None = None, views: str = "default"
) -> Predictor:
    """The study whose tuned prompts are `prompts`: a folder (its ensemble), or one variant's .safetensors.

    Params, vocabulary and CLIP are those of the nearest params.yaml above it. `classes` are ranked in place
    of the vocabulary's, which stay as competitors unless a given name means the same. `views` as in
    `windows_of`. InputError names a file that is missing or of another CLIP, and a class name that is longer
    than a prompt or given twice.
    """
    root, params, files, names, shown = find_study(Path(prompts), classes)
    how = params.windows
    windows = windows_of(views, Windows(how.scales, how.shapes, how.exif))
    clip = load_clip(root / "models/clip", params.precision).to(best_device(params.precision))
    made_with = model_id(clip)
    like = next(clip.parameters())
    vectors = {}
    for file in files:
        parts = prompt_vectors(clip, file.stem, load_prompts(file, made_with), names)
        if parts is not None:
            vectors[file.stem] = parts.to(like)
    _, rules = read_decisions(root / "models/decisions.json", names)
    whole = Path(prompts).is_dir()  # all variants, not one
    decided = "ensemble" if whole else Path(prompts).stem
    if decided not in rules:
        raise InputError(
            f"{root / 'models/decisions.json'}: no rule of {decided!r}: run `dvc repro ensemble`"
        )
    return Predictor(
        clip,
        names,
        shown,
        vectors,
        {variant: params.fusing(variant) | WITHOUT_CAPTIONS for variant in vectors},
        class_mask(params.hard_classes([name for name in vectors if name != PROTOTYPES] or vectors), names),
        windows,
        how.workers,
        read_lift(root / "models/lift.npz", names) if whole else None,
        rules[decided],
    )


def windows_of(views: str, default: Windows) -> Windows:
    """The windows that `views` names: fast, default or all. InputError for another name."""
    if views == "default":
        return default
    if views not in VIEWS:
        raise InputError(f"views {views!r}: choose fast, default or all")
    scales, shapes = VIEWS[views]
    return default._replace(scales=scales, shapes=shapes)


def prompt_vectors(
    clip: nn.Module, variant: str, prompts: Prompts, names: Sequence[str]
) -> ClassVectors | None:
    """Class vectors of `names`; None if the variant has learned nothing that holds for other classes."""
    if set(names) <= set(prompts.names):
        rows = [prompts.names.index(name) for name in names]
        return ClassVectors(*(part if part is None else part[rows] for part in prompts.vectors))
    if prompts.contexts is not None:
        return class_vectors(clip, prompts.contexts, names)
    return zero_shot_vectors(clip, names) if variant == "zero_shot" else None


def predict(
    predictor: Predictor, images: Sequence[str | Path], threshold: float | None = None
) -> Iterator[Prediction]:
    """Labels of each photo in its turn, predicted by the predictor's rule or from the probability given.

    InputError, raised after the last one, names all photos that could not be read.
    """
    unreadable = []
    for photo in encode_photos(predictor, images):
        if isinstance(photo, str):
            unreadable.append(photo)
        else:
            yield label(predictor, photo, threshold)
    if unreadable:
        raise InputError(
            f"{len(unreadable)} of {len(images)} photos could not be read: {'; '.join(unreadable)}"
        )


def encode_photos(predictor: Predictor, images: Sequence[str | Path]) -> Iterator[Photo | str]:
    """`encoded_photos` with the CLIP and the windows of a predictor. InputError if there are none."""
    if not images:
        raise InputError("no photos: give at least one image file")
    workers = min(predictor.workers, len(images) - 1)
    return encoded_photos(predictor.clip, images, predictor.windows, workers)


def label(predictor: Predictor, photo: Photo, threshold: float | None = None) -> Prediction:
    """Labels of a photo: its views fused per variant, the variants joined, then what is seen together."""
    fused = [
        fuse_scores(scores, None, **predictor.fusing[variant]).windows[0]
        for variant, scores in window_scores(photo.features, predictor.vectors).items()
    ]
    scores = predictor.ensemble(fused)  # (K,)
    if predictor.lift is not None:
        scores = with_lift(scores, predictor.lift)
    likely = predictor.probabilities(scores).round(4)
    order = np.argsort(-likely[: predictor.shown], kind="stable")
    cut = predictor.rule.threshold if threshold is None else threshold
    return Prediction(
        os.fsencode(photo.path).decode(errors="replace"),
        [predictor.names[k] for k in order],
        scores[order].round(4).tolist(),
        likely[order].tolist(),
        [predictor.names[k] for k in order if likely[k] >= cut],
    )
