"""Photos in, ranked labels out, for the study's classes or one's own: tuned contexts serve any class name.

from lexiclip.predict import load_study, predict
study = load_study(classes=["tram", "cyclist", "zebra crossing"])
labels = [photo.labels for photo in predict(study, ["street.jpg"])]
"""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image
from torch import nn

from lexiclip.clip.image_tower import ImageFeatures, encode_views
from lexiclip.clip.loading import load_clip, model_id, preprocess_size
from lexiclip.devices import best_device
from lexiclip.errors import InputError
from lexiclip.images.views import load_views
from lexiclip.images.windows import Box
from lexiclip.params import Params, load_params
from lexiclip.prompts.class_vectors import (
    ClassVectors,
    Prompts,
    class_vectors,
    load_prompts,
    zero_shot_vectors,
)
from lexiclip.scoring.ensemble import class_mask, mean_standardised
from lexiclip.scoring.fusion import WITHOUT_CAPTIONS, fuse_scores
from lexiclip.scoring.window_pass import tower_pays_in_bf16, window_scores
from lexiclip.vocabulary import load_vocabulary


class Study(NamedTuple):
    """What scores a photo. Of the K classes `names`, the first `shown` are ranked, the others compete."""

    params: Params
    clip: nn.Module
    names: tuple[str, ...]
    shown: int
    vectors: dict[str, ClassVectors]  # by variant, in the type and on the device of `clip`

    def ensemble(self, scores: Sequence[np.ndarray]) -> np.ndarray:
        """The mean (..., K) of each variant's scores (..., K), standardised."""
        mask = class_mask(self.params.hard_classes(self.vectors), self.names)
        return mean_standardised(np.stack(scores), mask)


class Photo(NamedTuple):
    """A photo, the boxes of its 1+W views, the whole image first, and their features."""

    path: str | Path
    image: Image.Image
    boxes: list[Box]
    features: ImageFeatures


class Prediction(NamedTuple):
    """A photo's labels, best first. A score counts deviations above the mean class of the photo."""

    image: str
    labels: list[str]
    scores: list[float]


def load_study(prompts: str | Path = "models/prompts", classes: Sequence[str] | None = None) -> Study:
    """The study whose tuned prompts are `prompts`: a folder (its ensemble), or one variant's .safetensors.

    Params, vocabulary and CLIP are those of the nearest params.yaml above it. `classes` are ranked in place
    of the vocabulary's, which stay as competitors unless a given name means the same. InputError names a
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
    like = next(clip.parameters())
    vectors = {}
    for file in files:
        parts = _vectors(clip, file.stem, load_prompts(file, made_with), names)
        if parts is not None:
            vectors[file.stem] = parts.to(like)
    if not vectors:
        raise InputError(f"{prompts}: no learned contexts, so only its own classes: choose a tuned variant")
    return Study(params, clip, names, len(own), vectors)


def predict(study: Study, images: Sequence[str | Path]) -> list[Prediction]:
    """Labels of photos; InputError for photos that cannot be read, unless params allow to skip them."""
    return [label(study, photo) for photo in encode_photos(study, images)]


def encode_photos(study: Study, images: Sequence[str | Path]) -> Iterator[Photo]:
    """Each photo, decoded once and its views encoded once; only a few are in memory at a time.

    InputError, raised after the last one, names all photos that cannot be read. Where params allow to skip
    them it is raised only if there is no other.
    """
    if not images:
        raise InputError("no photos: give at least one image file")
    params, device = study.params.windows, next(study.clip.parameters()).device
    gpu = None if device.type == "cpu" else device
    workers = min(params.workers, len(images) - 1)
    loaded = load_views(images, params.scales, params.shapes, preprocess_size(study.clip), workers, gpu)
    bf16, failures = tower_pays_in_bf16(study.clip, len(images)), []
    for path, views in zip(images, loaded, strict=True):
        if isinstance(views, str):
            failures.append(views)
        elif not failures or params.skip_unreadable:  # else only look for further failures
            yield Photo(path, views.image, views.boxes, encode_views(study.clip, views.pixels, bf16))
    if failures and (not params.skip_unreadable or len(failures) == len(images)):
        raise InputError(f"{len(failures)} of {len(images)} photos cannot be read: {'; '.join(failures)}")
    for line in failures:
        print(f"skipped: {line}", file=sys.stderr)


def label(study: Study, photo: Photo) -> Prediction:
    """Labels of a photo by the whole image and its windows, fused per variant, then the variants' mean."""
    fused = [
        fuse_scores(scores, None, **study.params.fusing(variant) | WITHOUT_CAPTIONS).windows[0]
        for variant, scores in window_scores(photo.features, study.vectors).items()
    ]
    scores = study.ensemble(fused)[: study.shown]  # (shown,)
    order = np.argsort(-scores, kind="stable")
    return Prediction(
        str(photo.path), [study.names[k] for k in order.tolist()], scores[order].round(4).tolist()
    )


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
        files = [prompts / f"{variant}.safetensors" for variant in params.members]
    known = params.scored
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
