"""A small CLIP and prompts of several kinds, all random, as a project has them in its folder models."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image
from tests.clones import committed_params
from tests.tiny import tiny_config
from torch import nn

from lexiclip.clip.loading import build_clip, load_clip, model_id, save_clip
from lexiclip.clip.text_tower import text_width
from lexiclip.files import write_json
from lexiclip.prompts.class_vectors import Prompts, class_vectors, save_prompts, zero_shot_vectors
from lexiclip.prompts.contexts import init_contexts
from lexiclip.scoring.decisions import Rule, caption_prior, write_decisions
from lexiclip.scoring.lift import write_lift

CLASSES = {"dog": ["puppy"], "couch": ["sofa"], "traffic light": [], "zebra": [], "cup": ["mug"]}


def write_project(root: Path) -> None:
    """A project to predict with. Its prompts: zero_shot, caption_mean, best (evidence), ema (none)."""
    params = committed_params()
    params |= {"precision": "exact", "vocabulary": {"file": "words.yaml", "without": ["zebra"]}}
    params["windows"] |= {"scales": [2], "workers": 0}
    params["ensemble"] |= {
        "variants": ["zero_shot", "caption_mean", "best", "ema"],
        "rule": "class_advantage",
    }
    for name, content in {"params.yaml": params, "words.yaml": {"classes": CLASSES}}.items():
        (root / name).write_text(json.dumps(content))  # JSON is YAML
    write_prompts(root, [name for name in CLASSES if name != "zebra"])


def write_photos(folder: Path) -> list[Path]:
    """Five photos of different kinds and shapes."""
    generator = np.random.default_rng(0)
    for number, (width, height) in enumerate([(90, 60), (60, 90), (64, 64), (200, 40), (7, 5)]):
        pixels = generator.integers(0, 255, (height, width, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")
    return sorted(folder.iterdir())


def write_clip(root: Path, embed_dim: int = 32) -> nn.Module:
    config = str(root / "clip.json")
    write_json(config, tiny_config(embed_dim, image=64, width=32, layers=2))
    save_clip(root / "models/clip", build_clip(config, "random"))
    return load_clip(root / "models/clip", "exact")


def write_prompts(root: Path, names: Sequence[str]) -> None:
    """zero_shot, caption_mean, best (with evidence), ema (without), and their CLIP and rules."""
    clip = write_clip(root)
    contexts = {
        "best": init_contexts(4, text_width(clip), evidence=True, seed=1),
        "ema": init_contexts(6, text_width(clip), evidence=False, seed=2),
    }
    vectors = {variant: class_vectors(clip, learned, names) for variant, learned in contexts.items()}
    templates = {"zero_shot": "a photo of a {}.", "caption_mean": "{}", "prototypes": "one {}"}
    for variant, template in templates.items():
        vectors[variant] = zero_shot_vectors(clip, names, template)
    for variant, of_variant in vectors.items():
        prompts = Prompts(of_variant, tuple(names), model_id(clip), contexts.get(variant))
        save_prompts(root / f"models/prompts/{variant}.safetensors", prompts)
    count = len(names)
    write_lift(root / "models/lift.npz", np.ones((count, count)) - np.eye(count), names)
    rules = dict.fromkeys([*vectors, "ensemble"], Rule(np.zeros(count), 1.0, 0.5))
    prior = caption_prior(2.0, np.ones(count))
    write_decisions(root / "models/decisions.json", names, prior, rules)
