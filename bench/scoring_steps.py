"""The pass over images step by step: what each costs, views a second, and memory at its peak.

304 windows a photo, six variants, random weights. `python bench/scoring_steps.py [mini|RN50] [PHOTOS]`
"""

import resource
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch
from scoring import MINI, photos, texts_of
from torch import Tensor, nn

from lexiclip.clip.image_tower import encode_views
from lexiclip.clip.loading import build_clip, preprocess_size
from lexiclip.devices import best_device
from lexiclip.evaluation.tables import as_text
from lexiclip.images.views import batched_view_pixels, image_pixels, load_rgb, view_pixels
from lexiclip.images.windows import SHAPES, windows
from lexiclip.scoring.window_pass import (
    WORTH_MEASURING,
    Texts,
    Windows,
    score_features,
    score_images,
    tower_pays_in_bf16,
)
from lexiclip.scoring.window_store import write_shard

SCALES = (2, 3, 4)


@torch.inference_mode()
def steps(clip: nn.Module, texts: Texts, paths: Sequence[Path], scales: Sequence[int]) -> list[dict]:
    """Rows {step, seconds, share} of one process that takes one photo after the other, on the CLIP's device.

    A GPU is waited for after each step. The first photo, which warms it up, does not count.
    """
    device, size = next(clip.parameters()).device, preprocess_size(clip)
    vectors = {variant: of_variant.to(device) for variant, of_variant in texts.vectors.items()}
    sets = texts.captions._replace(features=texts.captions.features.to(device))
    bf16 = tower_pays_in_bf16(clip, WORTH_MEASURING + 1)
    spent = {}

    def timed(step, function, *arguments):
        start = time.perf_counter()
        result = function(*arguments)
        if device.type == "cuda":
            torch.cuda.synchronize()
        spent[step] = spent.get(step, 0) + time.perf_counter() - start
        return result

    with tempfile.TemporaryDirectory() as folder:
        for place, path in enumerate([paths[0], *paths]):
            if place == 1:
                spent.clear()
            image = timed("decode", load_rgb, path)
            boxes = windows(*image.size, scales, SHAPES)
            if device.type == "cpu":
                views = timed("crop", view_pixels, image, boxes, size)
            else:
                pixels = timed("copy to the GPU", lambda image: image_pixels(image).to(device), image)
                views = timed("crop", batched_view_pixels, pixels, boxes, size)
            features = timed("encode", encode_views, clip, views, bf16)
            scores = timed("score", score_features, features, vectors, sets)
            tensors = timed("copy back", halved, scores)
            timed("write", write_shard, Path(folder, path.stem), tensors, {})
    total, views = sum(spent.values()), len(paths) * len(views)
    table = [{"step": s, "seconds": round(t, 3), "share": f"{t / total:.0%}"} for s, t in spent.items()]
    return [*table, {"step": f"{views / total:.0f} views/s", "seconds": round(total, 3), "share": "100%"}]


def halved(scores: dict[str, Tensor]) -> dict[str, np.ndarray]:
    """Scores as they are stored."""
    return {key: value.half().cpu().numpy() for key, value in scores.items()}


def peak_megabytes(model: str, count: int) -> int:
    """The most memory of a process, in MB, that scores `count` photos."""
    clip = build_clip(model, "random").to(best_device())
    images = [(path.stem, path) for path in photos()[:count]]
    with tempfile.TemporaryDirectory() as folder:
        score_images(clip, images, texts_of(clip), Windows(SCALES, SHAPES), folder, shard_images=2)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def in_a_process(function, *arguments):
    """The result of a function that ran in a new process, whose memory is its own."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


if __name__ == "__main__":
    model = {"mini": MINI}.get(sys.argv[1], sys.argv[1]) if len(sys.argv) > 1 else MINI
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 4
    clip = build_clip(model, "random").to(best_device())
    print(as_text(steps(clip, texts_of(clip), photos()[:count], SCALES), words=1))
    peak = partial(in_a_process, peak_megabytes, model)
    print(as_text([{"photos": n, "peak_MB": peak(n)} for n in (count, 4 * count)], words=0))
