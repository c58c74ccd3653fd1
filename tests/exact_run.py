"""A small study, from drawn scenes to a picture for the page, in one process; writes the hash of each output.

python -m tests.exact_run FOLDER exact|fast SEED
"""

import hashlib
import itertools
import sys
from pathlib import Path

import numpy as np
import torch
from tests.conftest import ROOT
from tests.tiny import tuning
from torch import nn

from lexiclip.clip.feature_store import open_store, write_store
from lexiclip.clip.image_tower import encode_views
from lexiclip.clip.loading import build_clip, frozen
from lexiclip.evaluation.probe import fit_probe, probe_logits
from lexiclip.evaluation.study_scores import write_scores
from lexiclip.files import write_json
from lexiclip.heatmap import heat_of_cells, with_heat
from lexiclip.images.views import load_rgb, view_pixels
from lexiclip.images.windows import Box, windows
from lexiclip.mini.scenes import World, draw_scenes, load_themes, write_scenes
from lexiclip.mini.sprites import load_sprites
from lexiclip.mixes import label_matrix
from lexiclip.prompts.class_vectors import ClassVectors, Prompts, class_vectors, load_prompts, save_prompts
from lexiclip.prompts.training import train_prompts
from lexiclip.report.pictures import photo_uri
from lexiclip.scoring.cooccurrence import cooccurrence, row_normalised
from lexiclip.scoring.fusion import fuse_variant
from lexiclip.scoring.lift import write_lift
from lexiclip.scoring.prototypes import prototypes_and_lift
from lexiclip.scoring.retrieval import caption_sets
from lexiclip.scoring.view_features import view_features
from lexiclip.scoring.window_pass import Texts, Windows, score_images

NAMES = ("person", "dog", "cat", "horse", "bus", "car", "bicycle", "apple", "banana", "cup", "fork", "book")
FUSING = {"form": "sharper", "local_weight": 1.5, "window_weight": 1.5, "threshold": 0.2, "retrieval": True}


def drawn_clip(seed: int) -> nn.Module:
    """The mini CLIP with weights from numpy: PyTorch draws others with AVX than without."""
    clip, generator = build_clip(str(ROOT / "data/clip/mini.json"), "random"), np.random.default_rng(seed)
    for name, tensor in clip.state_dict().items():
        if not tensor.is_floating_point() or name == "attn_mask":
            continue
        drawn = torch.from_numpy(generator.standard_normal(tuple(tensor.shape)))
        if name.endswith("running_var"):
            drawn = 1 + drawn.abs()
        elif tensor.ndim == 1:  # scales and offsets of norms
            drawn = 0.1 * drawn + (1 if name.endswith("weight") else 0)
        elif tensor.ndim > 1 and "embedding" in name:
            drawn = 0.1 * drawn
        elif tensor.ndim > 1:
            drawn = drawn / np.sqrt(tensor[0].numel())
        tensor.copy_(drawn)
    return clip


def run(folder: Path, precision: str, seed: int) -> None:
    clip = frozen(drawn_clip(0), precision)
    sprites = load_sprites(ROOT / "data/world/sprites.yaml", NAMES)
    themes = load_themes(ROOT / "data/world/themes.yaml", NAMES)
    scenes = draw_scenes(
        World(NAMES, sprites, themes),
        count=6,
        objects=(2, 4),
        clutter=(1, 3),
        size=(0.2, 0.6),
        noise=0.08,
        seed=seed,
    )
    write_scenes(scenes, NAMES, folder / "scenes")
    pairs = list(itertools.combinations(NAMES, 2))
    frames = (
        "a photo of a {} and a {}.",
        "A {} next to a {} on a sunny day.",
        "one {}, one {}",
        "a {} by the {}",
    )
    mix = [{"text": frame.format(a, b), "labels": [a, b]} for a, b in pairs for frame in frames]
    write_store(folder / "features", clip, [row["text"] for row in mix])
    store = open_store(folder / "features")
    rows, labels = store.rows(row["text"] for row in mix), label_matrix(mix, NAMES)
    tuned = train_prompts(
        clip,
        store,
        rows,
        torch.from_numpy(labels).float(),
        NAMES,
        tuning(n_ctx=8, batch_size=32, lr=0.001, warmup_lr=0.001, ema_decay=0.995, seed=seed),
    )
    write_json(folder / "steps.json", tuned.steps)
    prompts = Prompts(class_vectors(clip, tuned.contexts, NAMES), NAMES, "tiny", tuned.contexts)
    save_prompts(folder / "prompts.safetensors", prompts)
    vectors = load_prompts(folder / "prompts.safetensors").vectors
    paths = sorted((folder / "scenes/images").glob("*.png"))
    captions = caption_sets(store.global_features(rows, next(clip.parameters())), {"best": range(len(rows))})
    images = [(path.stem, path) for path in paths]
    texts = Texts(NAMES, {"best": vectors}, captions)
    score_images(clip, images, texts, Windows([2], ["square"]), folder / "windows")
    companions = row_normalised(cooccurrence(labels))
    fused = fuse_variant(folder / "windows", "best", companions, companion_weight=0.5, **FUSING)
    write_scores(folder / "scores.npz", fused.ids, NAMES, fused.windows, whole=fused.whole)
    _, features = view_features(clip, paths, True, 0, False)
    found, lift = prototypes_and_lift(features.double().numpy(), vectors.global_.double().numpy(), 16)
    of_images = torch.from_numpy(found)
    prototypes = Prompts(ClassVectors(of_images, of_images, None), NAMES, "tiny", None)
    save_prompts(folder / "prototypes.safetensors", prototypes)
    write_lift(folder / "lift.npz", lift, NAMES)
    shown = (np.random.default_rng(seed).random((len(paths), len(NAMES))) < 0.4).astype(np.int8)
    probe = fit_probe(features, shown, seed, next(clip.parameters()).dtype)
    write_scores(folder / "ceiling.npz", fused.ids, NAMES, probe_logits(probe, features).numpy().round(4))
    image = load_rgb(paths[0])
    boxes = windows(*image.size, [2], ["square"])
    local = encode_views(clip, view_pixels(image, boxes, 96), bf16=False).local  # (V, g², D)
    cells = (local @ vectors.local[:1].to(local).T).numpy()
    heat = heat_of_cells(cells, [Box(0, 0, image.height, image.width), *boxes], image.size)
    (folder / "heat.txt").write_text(photo_uri(with_heat(image, heat[0], float(heat.max()), boxes[0])))


if __name__ == "__main__":
    root = Path(sys.argv[1])
    run(root, sys.argv[2], int(sys.argv[3]))
    files = sorted(path for path in root.rglob("*") if path.is_file())
    hashes = {str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    write_json(root / "hashes.json", hashes)
