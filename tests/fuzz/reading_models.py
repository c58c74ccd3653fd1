"""Readers of CLIPs: weights of both layouts beside a config, and the folder that holds one."""

from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from tests.clip.test_loading import Holder
from tests.fuzz.reader import Reader, file_of
from torch import nn

from lexiclip.clip.loading import build_clip, load_clip, model_id, preprocess_size, save_clip

TEXT = {"context_length": 8, "vocab_size": 16, "width": 64, "heads": 1, "layers": 1}
RESNET = {
    "embed_dim": 4,
    "vision_cfg": {"image_size": 32, "layers": [1, 1, 1, 1], "width": 2, "patch_size": None},
    "text_cfg": TEXT,
}
VIT = {
    "embed_dim": 4,
    "vision_cfg": {"image_size": 8, "layers": 2, "width": 64, "patch_size": 8},
    "text_cfg": TEXT,
}


def weights(name: str, config: dict) -> Callable[[Path], None]:
    """What writes the weights of a random CLIP to `name`, by its ending, beside its config."""

    def write(folder: Path) -> None:
        file_of("tiny.json", config)(folder)
        state = build_clip(str(folder / "tiny.json"), "random").state_dict()
        state = {key: tensor.contiguous() for key, tensor in state.items()}
        (save_file if name.endswith(".safetensors") else torch.save)(state, folder / name)

    return write


def torchscript(folder: Path) -> None:
    """The weights in the kind of archive that OpenAI's files are."""
    weights("tiny.safetensors", VIT)(folder)
    archive = torch.jit.script(Holder(load_file(folder / "tiny.safetensors")))
    torch.jit.save(archive, folder / "tiny.pt")


def clip_folder(folder: Path) -> None:
    file_of("tiny.json", VIT)(folder)
    config = str(folder / "tiny.json")
    save_clip(folder / "clip", build_clip(config, "random"), half=True)


def use(clip: nn.Module) -> None:
    assert len(model_id(clip).split()[0]) == 16 and preprocess_size(clip) > 0


READERS = {
    "resnet .pt": Reader(
        weights("tiny.pt", RESNET), lambda f: use(build_clip(None, f / "tiny.pt")), 300, "*.pt"
    ),
    "vit .pt": Reader(
        weights("tiny.pt", VIT), lambda f: use(build_clip(str(f / "tiny.json"), f / "tiny.pt")), 300
    ),
    "vit in torchscript": Reader(torchscript, lambda f: use(build_clip(None, f / "tiny.pt")), 150, "*.pt"),
    "vit .safetensors": Reader(
        weights("tiny.safetensors", VIT),
        lambda f: use(build_clip(str(f / "tiny.json"), f / "tiny.safetensors")),
        300,
    ),
    "clip folder": Reader(clip_folder, lambda f: use(load_clip(f / "clip", "exact")), 300, "clip/*"),
}
