"""The pass over images step by step: what each costs, views a second, and memory at its peak.

304 windows a photo, six variants, random weights. `python bench/scoring_steps.py [mini|RN50] [PHOTOS]`
"""

import resource
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import torch
from scoring import CLASSES, MINI, photos, random_texts

from lexiclip.clip.image_tower import encode_views
from lexiclip.clip.loading import build_clip, preprocess_size
from lexiclip.devices import best_device
from lexiclip.evaluation.tables import as_text
from lexiclip.images.views import batched_view_pixels, image_pixels, load_rgb, view_pixels
from lexiclip.images.windows import SHAPES, windows
from lexiclip.scoring.retrieval import caption_sets
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
def steps(model: str, count: int) -> list[dict]:
    """Rows {step, seconds, share} of one process that takes one photo after the other."""
    device = best_device()
    clip = build_clip(model, "random").to(device)
    vectors, captions, rows = random_texts(clip)
    vectors = {variant: of_variant.to(device) for variant, of_variant in vectors.items()}
    sets, spent = caption_sets(captions.cpu(), rows), {}
    sets = sets._replace(features=sets.features.to(device))

    def timed(step, function, *arguments):
        start = time.perf_counter()
        result = function(*arguments)
        if device == "cuda":
            torch.cuda.synchronize()
        spent[step] = spent.get(step, 0) + time.perf_counter() - start
        return result

    bf16 = tower_pays_in_bf16(clip, WORTH_MEASURING + 1)

    def cut(image, boxes):
        if device == "cpu":
            return view_pixels(image, boxes, preprocess_size(clip))
        return batched_view_pixels(image_pixels(image).to(device), boxes, preprocess_size(clip))

    with tempfile.TemporaryDirectory() as folder:
        for path in photos()[:count]:
            image = timed("decode", load_rgb, path)
            boxes = windows(*image.size, SCALES, SHAPES)
            views = timed("crop", cut, image, boxes)
            features = timed("encode", encode_views, clip, views, bf16)
            scores = timed("score", score_features, features, vectors, sets)
            tensors = {key: value.half().cpu().numpy() for key, value in scores.items()}
            timed("write", write_shard, Path(folder, path.stem), tensors, {})
    total = sum(spent.values())
    table = [{"step": s, "seconds": round(t, 2), "share": f"{t / total:.0%}"} for s, t in spent.items()]
    return [
        *table,
        {"step": f"{305 * count / total:.0f} views/s", "seconds": round(total, 2), "share": "100%"},
    ]


def peak_megabytes(model: str, count: int) -> int:
    """The most memory of a process, in MB, that scores `count` photos."""
    clip = build_clip(model, "random").to(best_device())
    vectors, captions, rows = random_texts(clip)
    images, names = [(path.stem, path) for path in photos()[:count]], list(map(str, range(CLASSES)))
    texts = Texts(names, vectors, caption_sets(captions.cpu(), rows))
    with tempfile.TemporaryDirectory() as folder:
        score_images(clip, images, texts, Windows(SCALES, SHAPES), folder, shard_images=2)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def in_a_process(function, *arguments):
    """The result of a function that ran in a new process, whose memory is its own."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


if __name__ == "__main__":
    model = {"mini": MINI}.get(sys.argv[1], sys.argv[1]) if len(sys.argv) > 1 else MINI
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 4
    print(as_text(steps(model, count), words=1))
    peak = partial(in_a_process, peak_megabytes, model)
    print(as_text([{"photos": n, "peak_MB": peak(n)} for n in (count, 4 * count)], words=0))
