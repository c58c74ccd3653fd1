"""Six variants scored in the reference's order and in one pass, on real photos with random weights.

In the reference's order each variant decodes every photo again, crops its windows with PIL, preprocesses and
encodes them in fp32, and compares them with all captions of its mix. Towers and formulas are ours in both, so
that the ratio is that of the order.
"""

import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import open_clip
import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from lexiclip.clip.image_tower import encode_images
from lexiclip.clip.loading import build_clip, preprocess_size
from lexiclip.devices import best_device
from lexiclip.images.views import load_rgb
from lexiclip.images.windows import crop, windows
from lexiclip.prompts.class_vectors import ClassVectors
from lexiclip.prompts.logits import score
from lexiclip.scoring.fusion import fuse_variant
from lexiclip.scoring.retrieval import K_NEAREST, caption_sets
from lexiclip.scoring.window_pass import Texts, Windows, score_images
from lexiclip.scoring.window_store import read_shards

ROOT = Path(__file__).resolve().parents[1]
MINI = str(ROOT / "data/clip/mini.json")
CLASSES, CAPTIONS, SCALES = 80, 20_000, (2, 3)
FUSING = {
    "form": "plain",
    "local_weight": 1.0,
    "window_weight": 1.5,
    "threshold": 0.2,
    "retrieval": True,
    "companion_weight": 0.5,
}
# The captions that a variant's mix holds, out of all, and whether the variant has evidence.
VARIANTS = {
    "best": (20_000, True),
    "ema": (10_000, False),
    "zema": (18_000, False),
    "diff": (6_000, False),
    "diffh": (6_000, False),
    "difft": (8_000, True),
}


def measure() -> dict[str, dict[str, float]]:
    """Seconds at mini and at RN50 size, and at mini size what exactness costs."""
    paths = photos()
    return {
        **compare("mini", MINI, paths[:32]),
        **exactly("mini", MINI, paths[:32]),
        **compare("RN50", "RN50", paths[:6]),
    }


def compare(name: str, model: str, paths: Sequence[Path]) -> dict[str, dict[str, float]]:
    """Seconds of both orders for the square windows of the same photos; both must give the same scores.

    And seconds after a change of fusion: ours fuses what is stored, the reference's scores everything again.
    """
    clip = build_clip(model, "random").to(best_device())
    vectors, captions, rows = random_texts(clip)
    encode_images(clip, torch.zeros(1, 3, *2 * [preprocess_size(clip)], device=captions.device))  # warm up
    start = time.perf_counter()
    expected = {
        variant: [in_reference_order(clip, path, SCALES, vectors[variant], captions[of]) for path in paths]
        for variant, of in rows.items()
    }
    reference_s = time.perf_counter() - start
    with tempfile.TemporaryDirectory() as folder:
        ours_s = in_one_pass(clip, paths, folder)
        for variant in rows:
            (found,) = read_shards(folder, variant)
            global_ = (found.global_.astype(float) + found.retrieved) / 2
            # fp16 on disk, bf16 in the tower where it pays
            assert np.abs(global_ - torch.stack(expected[variant]).numpy()).mean() < 0.02, "other scores"
        start = time.perf_counter()
        for variant in rows:
            fuse_variant(folder, variant, np.eye(CLASSES), **FUSING)
        fusing_s = time.perf_counter() - start
    return {
        f"{name}, {len(paths)} photos × 53 views, s": {"ours": ours_s, "reference": reference_s},
        f"{name}, the same after a change of fusion, s": {"ours": fusing_s, "reference": reference_s},
    }


def exactly(name: str, model: str, paths: Sequence[Path]) -> dict[str, dict[str, float]]:
    """Seconds of the pass in float64 and in float32 (or bf16, where it pays), both on the CPU."""
    clip = build_clip(model, "random")
    with tempfile.TemporaryDirectory() as fast, tempfile.TemporaryDirectory() as exact:
        fast_s = in_one_pass(clip, paths, fast)
        exact_s = in_one_pass(clip.double(), paths, exact)
    what = f"{name}, {len(paths)} photos × 53 views, precision exact and fast, s"
    return {what: {"exact": exact_s, "fast": fast_s, "exact / fast": exact_s / fast_s}}


def in_one_pass(clip: nn.Module, paths: Sequence[Path], folder: str) -> float:
    """Seconds to score photos by all variants."""
    images, texts = [(path.stem, path) for path in paths], texts_of(clip)
    start = time.perf_counter()
    score_images(clip, images, texts, Windows(SCALES, ["square"]), folder, workers=os.cpu_count())
    return time.perf_counter() - start


@torch.inference_mode()
def in_reference_order(
    clip: nn.Module, path: Path, scales: Sequence[int], vectors: ClassVectors, captions: Tensor
) -> Tensor:
    """Global logits (1+W, K) of one photo by one variant, after computing the local ones as well."""
    image = load_rgb(path)
    transform = open_clip.image_transform(preprocess_size(clip), is_train=False)
    boxes = windows(*image.size, scales, ["square"])
    pixels = torch.stack([transform(view) for view in [image, *(crop(image, box) for box in boxes)]])
    features = encode_images(clip, pixels.to(captions.device))
    vectors = vectors.to(captions.device)
    nearest = (features.global_ @ captions.T).topk(K_NEAREST).indices  # (1+W, k)
    retrieved = (features.global_ + captions[nearest].mean(1)) / 2
    return score(retrieved, features.local, vectors).global_.cpu()


def texts_of(clip: nn.Module, times: int = 1) -> Texts:
    """`random_texts` as the pass takes them, with so many `times` the captions."""
    vectors, captions, rows = random_texts(clip, times)
    return Texts(list(map(str, range(CLASSES))), vectors, caption_sets(captions.cpu(), rows))


def random_texts(clip: nn.Module, times: int = 1) -> tuple[dict[str, ClassVectors], Tensor, dict[str, range]]:
    """Class vectors by variant, caption features (N, D) on the CLIP's device, each variant's rows of them."""
    dim, generator = clip.visual.output_dim, torch.Generator().manual_seed(0)

    def random(rows: int) -> Tensor:
        return normalize(torch.randn(rows, dim, generator=generator), dim=1)

    vectors = {
        variant: ClassVectors(random(CLASSES), random(CLASSES), random(CLASSES) if evidence else None)
        for variant, (_, evidence) in VARIANTS.items()
    }
    rows = {variant: range(times * count) for variant, (count, _) in VARIANTS.items()}
    return vectors, random(times * CAPTIONS).to(next(clip.parameters()).device), rows


def photos() -> list[Path]:
    """The photos at hand for tests, elsewhere the scenes of the mini world."""
    shared = Path(os.environ.get("LEXICLIP_SHARED", ROOT.parent / "shared"))
    found = sorted((shared / "photos/coco/images").glob("*.jpg"))
    return found or sorted((ROOT / "data/scenes/images").glob("*.png"))
