"""Sizes of CLIPs and of a training that cost next to nothing."""

from lexiclip.prompts.schedule import Tuning


def tiny_config(
    embed_dim: int = 16, image: int = 32, width: int = 16, layers: int = 1, vocabulary: int = 49408
) -> dict:
    """open_clip's config of a ResNet and a text tower of a few weights; as many heads as layers."""
    text = {"context_length": 77, "vocab_size": vocabulary, "width": width, "heads": layers, "layers": layers}
    vision = {"image_size": image, "layers": [1, 1, 1, 1], "width": 8, "patch_size": None}
    return {"embed_dim": embed_dim, "vision_cfg": vision, "text_cfg": text}


def tuning(**changed: object) -> Tuning:
    """Two epochs at one rate, no average; with some settings changed."""
    plain = {"n_ctx": 4, "evidence": True, "epochs": 2, "keep_epoch": 2, "batch_size": 6, "lr": 0.01}
    plain |= {"warmup_epochs": 0, "warmup_lr": 0.01, "weight_decay": 5e-4, "momentum": 0.9}
    return Tuning(**plain | {"ema_decay": None, "seed": 0} | changed)
