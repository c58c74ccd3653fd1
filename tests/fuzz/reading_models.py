"""Readers of CLIPs: weights of both layouts beside a config, and the folder that holds one."""

from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from tests.clip.test_building import Holder
from tests.fuzz.reader import Reader, file_of
from torch import nn

from lexiclip.clip.loading import build_clip, clip_of, load_clip, model_id, preprocess_size, save_clip

TEXT = {"context_length": 8, "vocab_size": 16, "width": 64, "heads": 1, "layers": 1}
RESNET_TOWER = {"image_size": 32, "layers": [1, 1, 1, 1], "width": 2, "patch_size": None}
RESNET = {"embed_dim": 4, "vision_cfg": RESNET_TOWER, "text_cfg": TEXT}
VIT = RESNET | {"vision_cfg": {"image_size": 8, "layers": 2, "width": 64, "patch_size": 8}}


def weights(name: str, config: dict) -> Callable[[Path], None]:
    """What writes the weights of a random CLIP to `name`, by its ending, beside its config.

    In a .pt stands a number of OpenAI's, without which it would not tell its model.
    """

    def write(folder: Path) -> None:
        file_of("tiny.json", config)(folder)
        state = build_clip(str(folder / "tiny.json"), "random").state_dict()
        state = {key: tensor.contiguous() for key, tensor in state.items()}
        if name.endswith(".safetensors"):
            save_file(state, folder / name)
        else:
            torch.save(state | {"input_resolution": torch.tensor(8)}, folder / name)

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


def transformers_folder(folder: Path) -> None:
    """A CLIP as Hugging Face transformers saves it."""
    from transformers import CLIPConfig, CLIPModel

    sizes = {"hidden_size": 8, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    text = sizes | {"vocab_size": 16, "max_position_embeddings": 8, "eos_token_id": 15}
    vision = sizes | {"image_size": 8, "patch_size": 8}
    CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=4)).save_pretrained(folder)
    file_of("preprocessor_config.json", {"image_mean": [0, 0, 0], "image_std": [1, 1, 1]})(folder)


def use(clip: nn.Module) -> None:
    assert len(model_id(clip).split()[0]) == 16 and preprocess_size(clip) > 0


READERS = {
    "resnet .pt": Reader(
        weights("tiny.pt", RESNET), lambda f: use(build_clip(None, f / "tiny.pt")), 150, "*.pt"
    ),
    "vit .pt": Reader(
        weights("tiny.pt", VIT), lambda f: use(build_clip(str(f / "tiny.json"), f / "tiny.pt")), 150
    ),
    "vit in torchscript": Reader(torchscript, lambda f: use(build_clip(None, f / "tiny.pt")), 75, "*.pt"),
    "vit .safetensors": Reader(
        weights("tiny.safetensors", VIT),
        lambda f: use(build_clip(str(f / "tiny.json"), f / "tiny.safetensors")),
        150,
    ),
    "given folder": Reader(clip_folder, lambda f: use(clip_of(str(f / "clip"))), 150, "clip/*"),
    "transformers' folder": Reader(transformers_folder, lambda f: use(clip_of(str(f))), 150),
    "clip folder": Reader(clip_folder, lambda f: use(load_clip(f / "clip", "exact")), 150, "clip/*"),
}
