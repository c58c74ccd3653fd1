"""A pass over a few small images with a random CLIP."""

from pathlib import Path

import numpy as np
import open_clip
import torch
from PIL import Image
from tests.tiny import tiny_config
from torch.nn.functional import normalize

from lexiclip.prompts.class_vectors import ClassVectors
from lexiclip.scoring import window_pass
from lexiclip.scoring.retrieval import caption_sets
from lexiclip.scoring.window_pass import Texts, Windows
from lexiclip.scoring.window_store import WindowScores, read_shards

NAMES = ["cat", "dog", "cow"]
D = 16


def small_clip():
    """In float64, so that the same bytes come out whatever the number of threads."""
    torch.manual_seed(0)
    clip = open_clip.CLIP(**tiny_config(D, vocabulary=100))
    return clip.double().eval().requires_grad_(False)


def small_texts():
    """Vectors of a variant with evidence and retrieval and of a plain one; the captions of the first."""
    generator = torch.Generator().manual_seed(1)
    parts = [normalize(torch.randn(3, D, generator=generator), dim=1) for _ in range(5)]
    captions = normalize(torch.randn(30, D, generator=generator), dim=1)
    vectors = {"best": ClassVectors(*parts[:3]), "ema": ClassVectors(*parts[3:], None)}
    return Texts(NAMES, vectors, caption_sets(captions, {"best": range(30)}))


def write_images(folder: Path, count: int) -> list[tuple[str, Path]]:
    """Noise of many sizes, as (id, path)."""
    rng = np.random.default_rng(0)
    sizes = [(40, 30), (20, 50), (9, 9), (64, 48), (31, 33)]
    rows = []
    for i in range(count):
        path = folder / f"{i}.png"
        Image.fromarray(rng.integers(0, 256, (*sizes[i % 5], 3), dtype=np.uint8)).save(path)
        rows.append((f"image {i}", path))
    return rows


def run(clip, images, texts, folder, scales=(2,), shapes=("square",), **settings):
    settings = {"shard_images": 2, "batch_views": 24, **settings}
    return window_pass.score_images(clip, images, texts, Windows(scales, shapes), folder, **settings)


def read_scores(folder, variant):
    """All shards of a variant as one."""
    ids, *fields = zip(*read_shards(folder, variant), strict=True)
    joined = [None if parts[0] is None else np.concatenate(parts) for parts in fields]
    return WindowScores([image_id for of_shard in ids for image_id in of_shard], *joined)
