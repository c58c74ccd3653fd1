"""What a GPU makes of the study at RN50's size: windows a second, where the time goes, steps of tuning.

`python bench/gpu.py` writes metrics/gpu.json, by plan in under ten minutes on an H100. `python bench/gpu.py
--toy FILE` runs the same code in seconds, on a CPU too, and writes FILE.
"""

import argparse
import os
import tempfile
from collections.abc import Callable, Sequence
from datetime import date
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from operations import counted
from PIL import Image
from scoring import MINI, ROOT, texts_of
from scoring_steps import steps
from torch import Tensor, nn
from training import seconds, tune

from lexiclip.clip.feature_store import open_store, write_store
from lexiclip.clip.image_tower import encode_images
from lexiclip.clip.loading import build_clip, preprocess_size
from lexiclip.devices import best_device
from lexiclip.errors import InputError, run_stage
from lexiclip.evaluation.tables import as_text
from lexiclip.files import write_json
from lexiclip.images.windows import SHAPES, windows
from lexiclip.scoring.window_pass import (
    WORTH_MEASURING,
    Texts,
    Windows,
    score_images,
    tower_pays_in_bf16,
)
from lexiclip.vocabulary import load_vocabulary

PATH, RUNS = "metrics/gpu.json", 10
# Tflop/s in bf16 without sparsity, by the makers' data sheets and the names that the driver gives.
PEAKS = {
    "NVIDIA H100 80GB HBM3": 989,
    "NVIDIA H100 PCIe": 756,
    "NVIDIA H200": 989,
    "NVIDIA A100-SXM4-40GB": 312,
    "NVIDIA A100-SXM4-80GB": 312,
    "NVIDIA A100-PCIE-40GB": 312,
    "NVIDIA A100 80GB PCIe": 312,
}


class Size(NamedTuple):
    """How much is measured."""

    model: str
    photo: tuple[int, int]  # width and height
    photos: int
    shard: int  # photos written at once
    scales: tuple[int, ...]
    captions: int  # in 20,000s
    batches: tuple[int, ...]  # of views; the first is what the pass takes by default
    workers: tuple[int, ...]
    texts: int  # encoded, and tuned on in turn
    tuned: int  # texts a step
    steps: int


FULL = Size("RN50", (640, 480), 192, 32, (2, 3, 4), 11, (256, 128, 512, 1024), (4, 1, 2, 8), 4096, 1024, 20)
TOY = Size(MINI, (64, 48), 3, 1, (2,), 1, (4, 8), (1, 2), 8, 4, 2)


def measure(size: Size) -> dict[str, object]:
    """Every figure, with the card and the date."""
    device = best_device()
    card = torch.cuda.get_device_name() if device == "cuda" else "CPU"
    clip = build_clip(size.model, "random").to(device)
    side = preprocess_size(clip)
    gflop = counted(lambda: encode_images(clip, torch.zeros(1, 3, side, side, device=device))) / 1e9
    texts = texts_of(clip, size.captions)
    with tempfile.TemporaryDirectory() as folder:
        paths = write_photos(Path(folder), size)
        rates = passes(clip, texts, paths, size)
        spent = steps(clip, texts, paths[:16], size.scales)
    return {
        "card": card,
        "cores": os.cpu_count(),
        "torch": torch.__version__,
        "date": date.today().isoformat(),
        "model": Path(size.model).stem,
        "captions": len(texts.captions.features),
        "Gflop a view": round(gflop, 2),
        "passes": with_operations(rates, gflop, PEAKS.get(card)),
        "steps": spent,
        "towers": with_operations(towers(clip, size.batches), gflop, PEAKS.get(card)),
        "tuning": tuning(clip, size),
    }


def write_photos(folder: Path, size: Size) -> list[Path]:
    """JPEGs of blotches and grain, which compress about as photos do."""
    rng, paths = np.random.default_rng(0), []
    for number in range(size.photos):
        coarse = Image.fromarray(rng.integers(0, 256, (12, 16, 3), dtype=np.uint8))
        smooth = np.asarray(coarse.resize(size.photo, Image.Resampling.BICUBIC), np.float32)
        grain = rng.normal(0, 8, smooth.shape[:2])[..., None]
        paths.append(folder / f"{number:04d}.jpg")
        Image.fromarray((smooth + grain).clip(0, 255).astype(np.uint8)).save(paths[-1], quality=90)
    return paths


def passes(clip: nn.Module, texts: Texts, paths: Sequence[Path], size: Size) -> list[dict]:
    """Views a second from files to scores on disk, by batch and by workers, and memory at its peak."""
    pairs = [(batch, size.workers[0]) for batch in size.batches]
    pairs += [(size.batches[0], workers) for workers in size.workers[1:]]
    rows = []
    for batch, workers in pairs:
        if torch.cuda.is_available():
            torch.cuda.reset_peak_memory_stats()
        rate = views_a_second(clip, texts, paths, size, batch, workers)
        memory = torch.cuda.max_memory_allocated() / 1e9
        rows.append({"batch": batch, "workers": workers, "views/s": round(rate), "GPU GB": round(memory, 1)})
    return rows


def views_a_second(
    clip: nn.Module, texts: Texts, paths: Sequence[Path], size: Size, batch: int, workers: int
) -> float:
    """From the end of the first shard to that of the last: weights are hashed, the GPU warms up before."""
    images, how = [(path.stem, path) for path in paths], Windows(size.scales, SHAPES)
    with tempfile.TemporaryDirectory() as folder:
        score_images(
            clip, images, texts, how, folder, shard_images=size.shard, batch_views=batch, workers=workers
        )
        ended = [path.stat().st_mtime for path in sorted(Path(folder).glob("scores_*"))]
    views = (len(paths) - size.shard) * (1 + len(windows(*size.photo, size.scales, SHAPES)))
    return views / (ended[-1] - ended[0])


@torch.inference_mode()
def towers(clip: nn.Module, batches: Sequence[int]) -> list[dict]:
    """Views a second of the image tower alone: as it is, with kernels that cuDNN picks by trial, compiled."""
    like, side = next(clip.parameters()), preprocess_size(clip)
    gpu, bf16 = like.device.type == "cuda", tower_pays_in_bf16(clip, WORTH_MEASURING + 1)
    compiled = torch.compile(encode_images, backend="inductor" if gpu else "eager")
    ways = [("as it is", encode_images, batch) for batch in batches]
    ways += [("cudnn.benchmark", encode_images, batches[0]), ("torch.compile", compiled, batches[0])]
    rows = []
    for way, encode, batch in ways:
        torch.backends.cudnn.benchmark = way == "cudnn.benchmark"
        pixels = torch.randn(batch, 3, side, side, device=like.device)
        with torch.autocast(like.device.type, torch.bfloat16, enabled=bf16):
            run = partial(repeated, encode, clip, pixels)
            try:
                seconds(run)  # warm up
            except Exception as error:  # of the compiler's many parts, any may be missing
                print(f"{way}: {type(error).__name__}: {error!s:.200}")
                continue
            spent = seconds(run)
        rows.append({"tower": way, "batch": batch, "views/s": round(RUNS * batch / spent)})
    torch.backends.cudnn.benchmark = False
    return rows


def repeated(encode: Callable, clip: nn.Module, pixels: Tensor) -> None:
    for _ in range(RUNS):
        encode(clip, pixels)


def with_operations(rows: list[dict], gflop: float, peak: int | None) -> list[dict]:
    """Rows with the tower's operations a second, and their share of the card's peak where it is known."""
    for row in rows:
        rate = row["views/s"] * gflop / 1e3
        row |= {"Tflop/s": round(rate, 1), "of peak": f"{rate / peak:.0%}" if peak else "unknown"}
    return rows


def tuning(clip: nn.Module, size: Size) -> dict[str, float]:
    """Texts encoded a second, steps a second, and how much of a step reads its stored features."""
    names = load_vocabulary(ROOT / "src/lexiclip/vocabularies/coco80.yaml").names
    drawn = np.random.default_rng(0).integers(0, len(names), (size.texts, 3))
    texts = [f"A {names[a]} next to a {names[b]} on a sunny day, and {c} of them." for a, b, c in drawn]
    used = np.resize(np.arange(size.texts), (1 + size.steps) * size.tuned)
    labels = torch.zeros(size.texts, len(names)).scatter_(1, torch.from_numpy(drawn[:, :2]), 1)[used]
    with tempfile.TemporaryDirectory() as folder:
        write_store(folder, clip, texts[:8])  # warm up
        encoding = seconds(lambda: write_store(folder, clip, texts))
        store = open_store(folder)
        rows = store.rows(texts)[used]

        def epoch(steps: int) -> None:
            some = slice(0, steps * size.tuned)
            tune(clip, store, rows[some], labels[some], names, size.tuned)

        epoch(1)
        step = (seconds(lambda: epoch(1 + size.steps)) - seconds(lambda: epoch(1))) / size.steps
        batches = np.split(rows, 1 + size.steps)[1:]
        reading = seconds(lambda: [store.batch(batch, next(clip.parameters())) for batch in batches])
    return {
        "texts encoded a second": round(len(set(texts)) / encoding),
        "texts a step": size.tuned,
        "steps a second": round(1 / step, 2),
        "ms a step": round(1e3 * step, 1),
        "of them reading features": round(1e3 * reading / size.steps, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--toy", metavar="FILE", help="measure at a size of seconds, and write this file")
    toy = parser.parse_args().toy
    if not toy and best_device() == "cpu":
        raise InputError("no GPU here: give `--toy FILE` for a run of seconds on the CPU")
    figures = measure(TOY if toy else FULL)
    for what, value in figures.items():
        print(f"\n{as_text(value, words=1)}" if isinstance(value, list) else f"{what}: {value}")
    write_json(toy or PATH, figures)


if __name__ == "__main__":
    run_stage(main)
