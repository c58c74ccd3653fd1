"""One pass over the images for all variants (METHOD §6): images in, scores of every view out, shard by shard.

A view is the whole image or a window. It is encoded once, its nearest captions are found once, and every
variant scores it.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from lexiclip.clip.feature_store import open_store
from lexiclip.clip.image_tower import ImageFeatures, encode_images, encode_views
from lexiclip.clip.loading import model_id, preprocess_size
from lexiclip.devices import bf16_pays
from lexiclip.errors import InputError
from lexiclip.files import read_jsonl, write_json
from lexiclip.images.views import Views, load_views
from lexiclip.prompts.class_vectors import ClassVectors, load_prompts
from lexiclip.prompts.logits import TAU, score
from lexiclip.scoring.retrieval import CaptionSets, caption_sets, retrieve
from lexiclip.scoring.window_store import WindowScores, is_done, shard_path, write_shard

WORTH_MEASURING = 8  # images: for fewer, finding out which type is faster costs more than it saves


class Texts(NamedTuple):
    """What images are compared with: K class names, their vectors by variant, captions to retrieve."""

    names: Sequence[str]
    vectors: dict[str, ClassVectors]
    captions: CaptionSets  # of the variants that retrieve


def study_texts(clip: nn.Module, names: Sequence[str], scored: Sequence[str], tuned: Iterable[str]) -> Texts:
    """The study's class vectors of the variants `scored`, and the captions of those that were `tuned`.

    InputError for prompts of another CLIP or of other classes than `names`.
    """
    model, vectors = model_id(clip), {}
    for variant in scored:
        path = f"models/prompts/{variant}.safetensors"
        prompts = load_prompts(path, model)
        if prompts.names != tuple(names):
            raise InputError(f"{path}: other classes than the vocabulary: train the variant again")
        vectors[variant] = prompts.vectors
    store = open_store("data/features", model)
    mixes = {variant: read_jsonl(f"data/mixes/{variant}.jsonl") for variant in tuned}
    rows = {variant: store.rows(text["text"] for text in mix) for variant, mix in mixes.items()}
    every = store.global_features(range(len(store.index)), next(clip.parameters()))
    return Texts(names, vectors, caption_sets(every, rows))


class Windows(NamedTuple):
    """The windows to score beside the whole image, and whether photos are turned by their EXIF."""

    scales: Sequence[int]
    shapes: Sequence[str]
    exif: bool = True


@torch.inference_mode()
def score_images(
    clip: nn.Module,
    images: Sequence[tuple[str, str | Path]],
    texts: Texts,
    windows: Windows,
    folder: str | Path,
    *,
    shard_images: int = 32,
    batch_views: int = 256,
    workers: int = 0,
    skip_unreadable: bool = False,
    share: tuple[int, int] = (0, 1),
) -> list[str]:
    """Score images (id, path), each once, with every variant, on the device of `clip`; keep finished shards.

    `workers` processes decode; of a `share` (rank, ranks) this process scores shards rank, rank + ranks, ...
    All is computed in the type of `clip`, a float32 image tower in bf16 where it pays. Returns a line for
    each image left out. Without `skip_unreadable` they are an InputError, raised after the other shards.
    """
    if not images:
        raise InputError("no images to score")
    like = next(clip.parameters())
    vectors = {variant: of_variant.to(like) for variant, of_variant in texts.vectors.items()}
    captions = texts.captions._replace(features=texts.captions.features.to(like))
    settings = {
        "names": list(texts.names),
        "variants": list(vectors),
        "scales": list(windows.scales),
        "shapes": list(windows.shapes),
        "model": model_id(clip),
        "texts": _fingerprint(vectors, captions),
    }
    if not windows.exif:
        settings["exif"] = False
    shards = [images[start : start + shard_images] for start in range(0, len(images), shard_images)]
    shard_ids = [[image_id for image_id, _ in shard] for shard in shards]
    write_json(Path(folder, "index.json"), {**settings, "shards": shard_ids})

    rank, ranks = share
    todo = [i for i in range(rank, len(shards), ranks) if not is_done(folder, i, settings, shard_ids[i])]
    paths = [path for i in todo for _, path in shards[i]]
    gpu = None if like.device.type == "cpu" else like.device
    loaded = load_views(paths, *windows, preprocess_size(clip), workers, gpu)
    bf16 = tower_pays_in_bf16(clip, len(paths))

    def score_batch(pixels: Tensor) -> dict[str, Tensor]:
        return _halved(score_features(encode_views(clip, pixels, bf16), vectors, captions))

    unreadable = []
    for i in todo:
        ids, tensors, failures = _score_shard(shard_ids[i], loaded, score_batch, batch_views)
        unreadable += failures
        if skip_unreadable or not failures:
            write_shard(shard_path(folder, i), tensors, {**settings, "ids": ids})
    if unreadable and (not skip_unreadable or len(unreadable) == len(images)):
        raise InputError(
            f"{len(unreadable)} of {len(images)} images cannot be read: {'; '.join(unreadable)}: "
            "replace or remove them (the other scores are kept), or set windows.skip_unreadable: true"
        )
    return unreadable


@torch.inference_mode()
def tower_pays_in_bf16(clip: nn.Module, images: int) -> bool:
    """Whether the image tower, if it is float32, scores that many images faster in bf16."""
    like, size = next(clip.parameters()), preprocess_size(clip)
    if like.dtype != torch.float32 or images <= WORTH_MEASURING:
        return False
    blank = torch.zeros(8, 3, size, size, device=like.device)
    return bf16_pays(lambda: encode_images(clip, blank), like.device.type)


def _score_shard(
    ids: list[str],
    loaded: Iterator[Views | str],
    score_batch: Callable[[Tensor], dict[str, Tensor]],
    batch_views: int,
) -> tuple[list[str], dict[str, np.ndarray], list[str]]:
    """The ids that could be read, their scores, and a line for each of the others.

    Batches run across images but end with the shard, so that a resumed run computes the same bytes.
    """
    readable, failures, parts, waiting = [], [], [], []
    for image_id in ids:
        views = next(loaded)
        if isinstance(views, str):
            failures.append(views)
            continue
        readable.append(image_id)
        waiting.append(views.pixels)
        if sum(map(len, waiting)) > batch_views:
            *full, rest = torch.cat(waiting).split(batch_views)
            parts += [score_batch(batch) for batch in full]
            waiting = [rest]
    if waiting:
        parts.append(score_batch(torch.cat(waiting)))
    shape = (len(readable), -1)
    tensors = {
        key: torch.cat([part[key] for part in parts]).unflatten(0, shape).cpu().numpy()
        for key in (parts or [{}])[0]
    }
    return readable, tensors, failures


def window_scores(features: ImageFeatures, vectors: dict[str, ClassVectors]) -> dict[str, WindowScores]:
    """The scores of one image by variant, in memory and without retrieval, from features of its 1+W views."""
    scores = {k: part[None].cpu().numpy() for k, part in _halved(score_features(features, vectors)).items()}
    return {v: WindowScores([""], scores[f"{v}.global"], scores[f"{v}.local"], None, None) for v in vectors}


def score_features(
    features: ImageFeatures, vectors: dict[str, ClassVectors], captions: CaptionSets | None = None
) -> dict[str, Tensor]:
    """What `window_store` holds of B views, by variant and field, each (B, K) or (B,)."""
    scores = {}
    for variant, of_variant in vectors.items():
        logits = score(features.global_, features.local, of_variant)
        scores |= {f"{variant}.global": logits.global_, f"{variant}.local": logits.local}
    for variant, found in retrieve(features.global_, captions).items() if captions else ():
        scores[f"{variant}.retrieved"] = TAU * found.mean @ vectors[variant].global_.T
        scores[f"{variant}.sims"] = found.sims.mean(1)
    return scores


def _halved(scores: dict[str, Tensor]) -> dict[str, Tensor]:
    return {key: value.half() for key, value in scores.items()}


def _fingerprint(vectors: dict[str, ClassVectors], captions: CaptionSets) -> str:
    """16 hex digits that differ when any class vector, caption feature or caption set differs."""
    digest = hashlib.sha256(repr((captions.sizes, captions.groups)).encode())
    for tensor in (*(part for parts in vectors.values() for part in parts), captions.features):
        digest.update(b"none" if tensor is None else tensor.cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]
