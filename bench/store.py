"""What memory it takes to encode 50k texts at RN50's size of 1024, and 800k by arithmetic."""

import resource
import tempfile

import open_clip

from lexiclip.clip.feature_store import open_store, write_store
from lexiclip.devices import best_device
from lexiclip.errors import run_stage
from lexiclip.params import load_params
from lexiclip.vocabulary import load_vocabulary

TEXTS, MANY, BATCH_TOKENS = 50_000, 800_000, 16384


def measure() -> dict[str, dict[str, float]]:
    """MB by which the process grows, and MB written; a small tower makes the same features faster."""
    names = load_vocabulary(load_params().vocabulary.file).names
    texts = [f"a photo of a {a}, a {b} and a {c}." for a in names for b in names for c in names][:TEXTS]
    vision = {"image_size": 32, "layers": [1, 1, 1, 1], "width": 8, "patch_size": None}
    text = {"context_length": 77, "vocab_size": 49408, "width": 16, "heads": 1, "layers": 1}
    clip = open_clip.CLIP(embed_dim=1024, vision_cfg=vision, text_cfg=text).eval().to(best_device())
    with tempfile.TemporaryDirectory() as folder:
        write_store(folder, clip, texts[:5000], BATCH_TOKENS)
        before = peak_megabytes()
        write_store(folder, clip, texts, BATCH_TOKENS)
        grown, features = peak_megabytes() - before, open_store(folder).features
        written, tokens = features.nbytes / 1e6, len(features) / TEXTS
    disk, strings = MANY * tokens * 2048 / 1e9, MANY / TEXTS * grown / 1e3
    batch = BATCH_TOKENS * (8 * 512 + 3 * 1024) * 4 / 1e9
    print(
        f"{TEXTS} texts: {written:.0f} MB written, memory grew by {grown:.0f} MB\n"
        f"{MANY} texts on disk: x {tokens:.1f} tokens x 1024 x 2 bytes = {disk:.1f} GB\n"
        f"{MANY} texts in memory: {MANY // TEXTS} x {grown:.0f} MB = {strings:.1f} GB, RN50 0.4 GB, "
        f"a batch of {BATCH_TOKENS} tokens x (8 x 512 + 3 x 1024) floats x 4 bytes = {batch:.1f} GB"
    )
    return {f"memory for {TEXTS} texts, MB": {"ours": grown, "written": written}}


def peak_megabytes() -> float:
    """The most memory this process has held so far (Linux counts kilobytes)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


if __name__ == "__main__":
    from table import record

    run_stage(lambda: record("store", measure()))
