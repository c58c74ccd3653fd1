"""One pass over the images for all variants (METHOD §6): images in, scores of every view out, shard by shard.

A view is the whole image or a window. It is encoded once and scored by every variant; fp16 scores go to
`scores_00000.safetensors`, ...: for variant v "v.global" and "v.local" (n, 1+W, K), where v has captions also
"v.retrieved" (n, 1+W, K) and "v.sims" (n, 1+W), the whole image first. `index.json` lists the shards.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.utils.data import DataLoader
from tqdm import tqdm

from lexiclip.clip.backbone import model_id, preprocess_size
from lexiclip.clip.image_tower import encode_images
from lexiclip.errors import InputError
from lexiclip.files import atomic_path, read_json, write_json
from lexiclip.images.preprocess import load_rgb, normalise, view_pixels
from lexiclip.images.windows import windows
from lexiclip.prompts.class_vectors import ClassVectors
from lexiclip.prompts.logits import TAU, score
from lexiclip.scoring.retrieval import retrieve


class WindowScores(NamedTuple):
    """One variant's fp16 scores of N images, the whole image first, then W windows.

    With retrieval the global score is (global_ + retrieved) / 2; without, `retrieved` and `sims` are None.
    """

    ids: list[str]
    global_: Tensor  # (N, 1+W, K)
    local: Tensor  # (N, 1+W, K)
    retrieved: Tensor | None  # (N, 1+W, K) global score of the mean of the 10 nearest captions
    sims: Tensor | None  # (N, 1+W) mean cosine of the 10


@torch.inference_mode()
def score_images(
    clip: nn.Module,
    images: Sequence[tuple[str, str | Path]],
    vectors: dict[str, ClassVectors],
    caption_sets: dict[str, Tensor],
    names: Sequence[str],
    scales: Sequence[int],
    shapes: Sequence[str],
    folder: str | Path,
    *,
    shard_images: int = 32,
    batch_views: int = 256,
    workers: int = 0,
    skip_unreadable: bool = False,
    rank: int = 0,
    ranks: int = 1,
) -> list[str]:
    """Score images (id, path) with every variant of `vectors`, on the device of `clip`; keep finished shards.

    `caption_sets` holds the L2-normalised features (N, D) of the variants that retrieve, `names` the K
    classes; `workers` processes decode; this process scores shards rank, rank + ranks, ... Returns a line for
    each image left out. Without `skip_unreadable` they are an InputError, raised after the other shards.
    """
    _check(images, vectors, caption_sets)
    device = next(clip.parameters()).device
    vectors = {
        variant: ClassVectors(*(part if part is None else part.to(device) for part in parts))
        for variant, parts in vectors.items()
    }
    captions = {variant: features.to(device) for variant, features in caption_sets.items()}
    settings = {
        "names": list(names),
        "variants": list(vectors),
        "scales": list(scales),
        "shapes": list(shapes),
        "model": model_id(clip),
        "texts": _fingerprint(vectors, captions),
    }
    shards = [images[start : start + shard_images] for start in range(0, len(images), shard_images)]
    shard_ids = [[image_id for image_id, _ in shard] for shard in shards]
    write_json(Path(folder, "index.json"), {**settings, "shards": shard_ids})

    todo = [i for i in range(rank, len(shards), ranks) if not _is_done(folder, i, settings, shard_ids[i])]
    paths = [path for i in todo for _, path in shards[i]]
    load = partial(_load_views, scales=scales, shapes=shapes, size=preprocess_size(clip))
    loaded = DataLoader(paths, batch_size=None, num_workers=workers, collate_fn=load)
    loaded = iter(tqdm(loaded, total=len(paths), unit="image", disable=None))
    score_views = partial(_score_views, clip, vectors=vectors, captions=captions)
    unreadable = []
    for i in todo:
        ids, tensors, failures = _score_shard(shard_ids[i], loaded, score_views, batch_views)
        unreadable += failures
        if skip_unreadable or not failures:
            _write_shard(_shard_path(folder, i), tensors, {**settings, "ids": ids})
    if unreadable and (not skip_unreadable or len(unreadable) == len(images)):
        raise InputError(
            f"{len(unreadable)} of {len(images)} images cannot be read: {'; '.join(unreadable)}: "
            "replace or remove them (the other scores are kept), or allow unreadable images to be skipped"
        )
    return unreadable


def _load_views(
    path: Path, scales: Sequence[int], shapes: Sequence[str], size: int
) -> tuple[Tensor | None, str]:
    """The views uint8 (1+W, 3, size, size) of one image, or None and the reason (runs in a worker)."""
    try:
        image = load_rgb(path)
    except InputError as error:
        return None, str(error)
    return view_pixels(image, windows(*image.size, scales, shapes), size), ""


def _score_shard(
    ids: list[str],
    loaded: Iterator[tuple[Tensor | None, str]],
    score_views: Callable[[Tensor], dict[str, Tensor]],
    batch_views: int,
) -> tuple[list[str], dict[str, Tensor], list[str]]:
    """The ids that could be read, their scores, and a line for each of the others.

    Batches run across images but end with the shard, so that a resumed run computes the same bytes.
    """
    readable, failures, parts, waiting = [], [], [], []
    for image_id in ids:
        views, failure = next(loaded)
        if views is None:
            failures.append(failure)
            continue
        readable.append(image_id)
        waiting.append(views)
        if sum(map(len, waiting)) > batch_views:
            *full, rest = torch.cat(waiting).split(batch_views)
            parts += [score_views(batch) for batch in full]
            waiting = [rest]
    if waiting:
        parts.append(score_views(torch.cat(waiting)))
    shape = (len(readable), -1)
    tensors = {
        key: torch.cat([part[key] for part in parts]).unflatten(0, shape) for key in (parts or [{}])[0]
    }
    return readable, tensors, failures


def _score_views(
    clip: nn.Module, views: Tensor, vectors: dict[str, ClassVectors], captions: dict[str, Tensor]
) -> dict[str, Tensor]:
    """Scores of views uint8 (B, 3, S, S) by every variant, each (B, K) or (B,), fp16 on the CPU."""
    device = next(clip.parameters()).device
    with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
        features = encode_images(clip, normalise(views.to(device)))
    scores = {}
    for variant, of_variant in vectors.items():
        logits = score(features.global_, features.local, of_variant)
        scores |= {f"{variant}.global": logits.global_, f"{variant}.local": logits.local}
        if variant in captions:
            found = retrieve(features.global_, captions[variant])
            scores[f"{variant}.retrieved"] = TAU * found.mean @ of_variant.global_.T
            scores[f"{variant}.sims"] = found.sims.mean(1)
    return {key: value.half().cpu() for key, value in scores.items()}


def read_shards(folder: str | Path, variant: str) -> Iterator[WindowScores]:
    """The scores of one variant, shard by shard, in the order of the images.

    InputError for an unknown variant, or a shard that is missing or from a run with other settings.
    """
    settings = read_json(Path(folder, "index.json"))
    if not isinstance(settings, dict) or not {"shards", "variants"} <= set(settings):
        raise InputError(f"{folder}/index.json: not an index of scores: score the images again")
    shards = settings.pop("shards")
    if variant not in settings["variants"]:
        has = ", ".join(settings["variants"])
        raise InputError(f"{folder}: no scores of variant {variant!r}: it has {has}")
    for i in range(len(shards)):
        path = _shard_path(folder, i)
        try:
            tensors, metadata = _read_shard(path, variant)
        except (OSError, SafetensorError, KeyError, TypeError, ValueError):
            raise InputError(
                f"{path}: missing or damaged: score the images again, the rest is kept"
            ) from None
        ids = metadata.pop("ids", [])
        if metadata != settings:
            raise InputError(f"{path}: scored with other settings than index.json: score the images again")
        if ids:  # else every image of the shard was unreadable
            yield WindowScores(
                ids, *(tensors.get(field) for field in ("global", "local", "retrieved", "sims"))
            )


def read_scores(folder: str | Path, variant: str) -> WindowScores:
    """All scores of one variant in memory; `read_shards` says what may be wrong."""
    ids, *fields = zip(*read_shards(folder, variant), strict=True)
    joined = [None if parts[0] is None else torch.cat(parts) for parts in fields]
    return WindowScores([image_id for of_shard in ids for image_id in of_shard], *joined)


def _shard_path(folder: str | Path, i: int) -> Path:
    return Path(folder, f"scores_{i:05d}.safetensors")


def _read_shard(path: Path, variant: str) -> tuple[dict[str, Tensor], dict]:
    """The tensors of one variant by field, and the shard's settings with its ids."""
    prefix = f"{variant}."
    with safe_open(path, "pt") as file:
        keys = [key for key in file.keys() if key.startswith(prefix)]  # noqa: SIM118 (not a dict)
        tensors = {key.removeprefix(prefix): file.get_tensor(key) for key in keys}
        return tensors, json.loads(file.metadata()["lexiclip"])


def _write_shard(path: Path, tensors: dict[str, Tensor], metadata: dict) -> None:
    with atomic_path(path) as temporary:  # one metadata key: safetensors writes several in any order
        save_file(tensors, temporary, {"lexiclip": json.dumps(metadata)})


def _is_done(folder: str | Path, i: int, settings: dict, ids: list[str]) -> bool:
    """True if the shard holds all its images under these settings; one that lacks images is tried again."""
    try:
        with safe_open(_shard_path(folder, i), "pt") as file:
            return json.loads(file.metadata()["lexiclip"]) == {**settings, "ids": ids}
    except (OSError, SafetensorError, KeyError, TypeError, ValueError):
        return False


def _fingerprint(vectors: dict[str, ClassVectors], captions: dict[str, Tensor]) -> str:
    """16 hex digits that differ when any class vector or caption feature differs."""
    digest = hashlib.sha256()
    for variant, parts in vectors.items():
        for tensor in (*parts, captions.get(variant)):
            digest.update(b"none" if tensor is None else tensor.cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]


def _check(
    images: Sequence[tuple[str, str | Path]],
    vectors: dict[str, ClassVectors],
    caption_sets: dict[str, Tensor],
) -> None:
    ids = [image_id for image_id, _ in images]
    if not ids:
        raise InputError("no images to score")
    if len(set(ids)) < len(ids):
        twice = next(image_id for image_id in ids if ids.count(image_id) > 1)
        raise InputError(f"image {twice} is listed twice: list each image once")
    unknown = set(caption_sets) - set(vectors)
    if unknown or not vectors:
        raise InputError(
            f"captions of {sorted(unknown)} but variants {list(vectors)}: expected class vectors for each"
        )
