"""A small CLIP and prompts of several kinds, all random, as a project has them in its folder models."""

from collections.abc import Sequence
from pathlib import Path

from torch import nn

from lexiclip.clip.loading import build_clip, load_clip, model_id, save_clip
from lexiclip.clip.text_tower import text_width
from lexiclip.files import write_json
from lexiclip.prompts.class_vectors import Prompts, class_vectors, save_prompts, zero_shot_vectors
from lexiclip.prompts.contexts import init_contexts

CLIP = {
    "embed_dim": 32,
    "vision_cfg": {"image_size": 64, "layers": [1, 1, 1, 1], "width": 8, "patch_size": None},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 2},
}


def write_clip(root: Path, embed_dim: int = 32) -> nn.Module:
    config = str(root / "clip.json")
    write_json(config, CLIP | {"embed_dim": embed_dim})
    save_clip(root / "models/clip", build_clip(config, "random"))
    return load_clip(root / "models/clip", "exact")


def write_prompts(root: Path, names: Sequence[str]) -> None:
    """zero_shot, caption_mean, best (with evidence), ema (without), of a CLIP that is written, too."""
    clip = write_clip(root)
    contexts = {
        "best": init_contexts(4, text_width(clip), evidence=True, seed=1),
        "ema": init_contexts(6, text_width(clip), evidence=False, seed=2),
    }
    vectors = {variant: class_vectors(clip, learned, names) for variant, learned in contexts.items()}
    for variant, template in {"zero_shot": "a photo of a {}.", "caption_mean": "{}"}.items():
        vectors[variant] = zero_shot_vectors(clip, names, template)
    for variant, of_variant in vectors.items():
        prompts = Prompts(of_variant, tuple(names), model_id(clip), contexts.get(variant))
        save_prompts(root / f"models/prompts/{variant}.safetensors", prompts)
