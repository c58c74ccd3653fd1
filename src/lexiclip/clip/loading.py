"""Names, a file or a folder in, a frozen CLIP out; the folder of one; its tokenizer and its fingerprint."""

import hashlib
import os
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from lexiclip.clip.building import from_file, from_folder, from_hub, from_name, from_random, from_tag
from lexiclip.clip.library import SimpleTokenizer, open_clip
from lexiclip.clip.text_tower import text_tower
from lexiclip.clip.weights import CONFIG, is_weights_file
from lexiclip.errors import InputError
from lexiclip.files import atomic_folder, reading, write_json
from lexiclip.precision import DTYPES, Precision, precision_of

WEIGHTS = "open_clip_model.safetensors"


def load_clip(folder: str | Path, precision: Precision) -> nn.Module:
    """The CLIP of a folder that the stage `clip` wrote: eval mode, frozen, on the CPU.

    open_clip itself reads it as "local-dir:FOLDER". InputError names what is missing or damaged, and a text
    tower that takes no prompts.
    """
    for name in (CONFIG, WEIGHTS):
        if not Path(folder, name).is_file():
            raise InputError(f"{folder}: no {name} in it: run `dvc pull`, or `dvc repro clip`")
    with reading(folder, "damaged, or weights and config do not fit", "run `dvc repro -f clip`"):
        clip = open_clip.create_model(f"local-dir:{folder}", pretrained_text=False)
    return frozen(clip, precision)


def clip_of(spec: str, precision: Precision = "fast") -> nn.Module:
    """The CLIP that a user names: eval mode, frozen, on the CPU.

    "ViT-B-16/openai" (open_clip's name and tag), "ViT-B-16/random", "hf-hub:org/model", a folder with weights
    and their config, a file of weights, or "RN50=FILE" where a file does not tell what it is of (also
    "config.json=FILE"). InputError for all else.
    """
    path = Path(spec).expanduser()
    model, equals, file = spec.partition("=")
    if path.is_dir():
        clip = from_folder(path)
    elif equals and not path.exists():
        clip = from_file(model, Path(file).expanduser())
    elif is_weights_file(spec) or path.is_file():
        clip = from_file(None, path)
    else:
        clip = from_hub(spec) if spec.startswith("hf-hub:") else from_name(spec)
    return frozen(clip, precision)


def build_clip(model: str | os.PathLike | None, weights: str | os.PathLike) -> nn.Module:
    """A CLIP in eval mode, frozen, fp32, on the CPU.

    model: an open_clip architecture ("RN50"), the path of a model config (.json), or None where a file of
    weights tells it. weights: an open_clip tag ("openai"), a file (.safetensors, .pt, .pth, .bin) or "random"
    (always the same). InputError for names, files and text towers that do not fit.
    """
    model, weights = None if model is None else str(model), str(weights)
    if is_weights_file(weights):
        return frozen(from_file(model, weights))
    return frozen(from_random(str(model)) if weights == "random" else from_tag(str(model), weights))


def save_clip(folder: str | Path, clip: nn.Module, half: bool = False) -> None:
    """Write a CLIP that was built here, in fp16 if `half`, in the layout that open_clip reads."""
    preprocess = getattr(clip.visual, "preprocess_cfg", {})  # mean and std, where a model has its own
    tensors = {name: tensor.cpu().contiguous() for name, tensor in clip.state_dict().items()}
    if half:
        tensors = {name: t.half() if t.is_floating_point() else t for name, t in tensors.items()}
    with atomic_folder(folder) as new:
        write_json(new / CONFIG, {"model_cfg": clip.model_cfg, "preprocess_cfg": preprocess})
        save_file(tensors, new / WEIGHTS)


def frozen(clip: nn.Module, precision: Precision = "fast") -> nn.Module:
    """The same CLIP in eval mode and without gradients. InputError if it takes no prompts."""
    text_tower(clip)
    clip = clip.to(DTYPES[precision]).eval().requires_grad_(False)
    clip.visual.to(memory_format=torch.channels_last)  # faster convolutions, on CPUs without bf16 above all
    return clip


def preprocess_size(clip: nn.Module) -> int:
    """The side S of the pixels (B, 3, S, S) that the image tower reads."""
    size = clip.visual.image_size
    return size if isinstance(size, int) else size[0]


def tokenize(texts: Sequence[str]) -> Tensor:
    """Tokens (N, 77) of texts: SOS, byte pairs, EOS, zeros; a longer text is cut before its EOS."""
    return _tokenizer()(list(texts))


def encode_name(name: str) -> list[int]:
    """SOS, the tokens of a class name and of the full stop after it, EOS; "_" reads as a space."""
    tokenizer = _tokenizer()
    return [tokenizer.sot_token_id, *tokenizer.encode(name.replace("_", " ") + "."), tokenizer.eot_token_id]


@cache
def _tokenizer() -> SimpleTokenizer:
    return SimpleTokenizer()


def model_id(clip: nn.Module) -> str:
    """16 hex digits that differ when any weight differs, and the precision that the model computes in."""
    digest = hashlib.sha256()
    for name, tensor in sorted(clip.state_dict().items()):
        digest.update(name.encode())
        tensor = tensor.float() if tensor.is_floating_point() else tensor
        digest.update(tensor.cpu().contiguous().numpy().tobytes())
    return f"{digest.hexdigest()[:16]} {precision_of(clip)}"


def check_made_with(path: str | Path, made_with: object, model: str, remedy: str) -> None:
    """InputError if what lies at `path` was made with another CLIP than the one of id `model`."""
    if made_with == model:
        return
    weights, precision = model.split()
    if str(made_with).split()[:1] == [weights]:
        other = " ".join(str(made_with).split()[1:]) or "unknown"
        raise InputError(f"{path}: written with precision {other}, params.yaml says {precision}: {remedy}")
    raise InputError(f"{path}: made with CLIP {made_with}, not {model}: {remedy}")
