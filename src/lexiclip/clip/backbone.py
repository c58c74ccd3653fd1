"""Names of a CLIP and of its weights in, a frozen fp32 open_clip model out; its tokenizer, its identity."""

import difflib
import hashlib
import os
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import open_clip
import torch
from open_clip.tokenizer import SimpleTokenizer
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from lexiclip.clip.openai_layout import architecture, load_openai_layout
from lexiclip.clip.text_tower import text_tower
from lexiclip.errors import InputError
from lexiclip.files import read_json


def load_clip(model: str | None, weights: str | os.PathLike) -> nn.Module:
    """A CLIP in eval mode, frozen, fp32, on the CPU.

    model: an open_clip architecture ("RN50") or the path of a model config (.json). weights: an open_clip tag
    ("openai"), a .safetensors file, a .pt file of OpenAI's (it tells its own architecture: `model` is only
    compared with it) or "random" (always the same random numbers). InputError names what does not fit, and a
    text tower that takes no prompts.
    """
    weights = str(weights)
    if weights.endswith(".pt"):
        clip = load_openai_layout(weights)
        if model is not None:
            _check_same(model, clip, weights)
    elif weights.endswith(".safetensors"):
        clip = _build(str(model))
        _load_safetensors(clip, weights)
    elif weights == "random":
        clip = _build(str(model))
    else:
        clip = _pretrained(str(model), weights)
    text_tower(clip)
    clip = clip.float().eval().requires_grad_(False)
    clip.visual.to(memory_format=torch.channels_last)  # faster convolutions, on CPUs without bf16 above all
    return clip


def tokenize(texts: Sequence[str]) -> Tensor:
    """Tokens (N, 77) of texts: SOS, byte pairs, EOS, zeros; a longer text loses its end, not its EOS."""
    return _tokenizer()(list(texts))


def encode_name(name: str) -> list[int]:
    """SOS, the tokens of a class name and of the full stop after it, EOS; "_" reads as a space."""
    tokenizer = _tokenizer()
    return [tokenizer.sot_token_id, *tokenizer.encode(name.replace("_", " ") + "."), tokenizer.eot_token_id]


def model_id(clip: nn.Module) -> str:
    """16 hex digits that differ when any weight differs."""
    digest = hashlib.sha256()
    for name, tensor in sorted(clip.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]


def preprocess_size(clip: nn.Module) -> int:
    """The side S of the pixels (B, 3, S, S) that the image tower reads."""
    size = clip.visual.image_size
    return size if isinstance(size, int) else size[0]


@cache
def _tokenizer() -> SimpleTokenizer:
    return SimpleTokenizer()


def _build(model: str) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        if not model.endswith(".json"):
            _check_architecture(model)
            return open_clip.create_model(model, pretrained_text=False)
        config = read_json(model)
        try:
            kind = open_clip.CustomTextCLIP if config.pop("custom_text", False) else open_clip.CLIP
            return kind(**config)
        except (TypeError, ValueError, AttributeError) as error:
            raise InputError(
                f"{model}: not a CLIP config ({error}): expected embed_dim, vision_cfg and text_cfg"
            ) from None


def _load_safetensors(clip: nn.Module, path: str) -> None:
    if not Path(path).is_file():
        raise InputError(f"{path}: no such file: run `dvc pull`, or give other weights")
    try:
        clip.load_state_dict(load_file(path))
    except SafetensorError as error:
        raise InputError(f"{path}: damaged or no safetensors file ({error}): fetch it again") from None
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:160]
        raise InputError(f"{path}: weights of another model than the one asked for ({reason})") from None


def _pretrained(model: str, tag: str) -> nn.Module:
    if model.endswith(".json"):
        raise InputError(f"weights {tag!r} of {model}: expected a .safetensors or .pt file, or 'random'")
    _check_architecture(model)
    tags = open_clip.list_pretrained_tags_by_model(model)
    if tag not in tags:
        near = difflib.get_close_matches(tag, tags) or tags
        offered = "".join(f"{name}, " for name in near)
        raise InputError(
            f"weights {tag!r} of {model}: choose {offered}a .safetensors or .pt file, or 'random'"
        )
    quick_gelu = bool(open_clip.get_pretrained_cfg(model, tag).get("quick_gelu"))
    try:
        return open_clip.create_model(model, pretrained=tag, force_quick_gelu=quick_gelu)
    except (OSError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:160]
        raise InputError(
            f"weights {tag!r} of {model}: cannot be fetched or read ({reason}): without a network, fetch "
            "them elsewhere and copy the Hugging Face cache here, or give a local file as clip.weights"
        ) from None


def _check_architecture(model: str) -> None:
    known = open_clip.list_models()
    if model not in known:
        near = difflib.get_close_matches(model, known) or ["RN50", "ViT-B-16"]
        raise InputError(f"model {model!r}: did you mean {' or '.join(near)}? (or give a .json config)")


def _check_same(model: str, clip: nn.Module, weights: str) -> None:
    """InputError if weights that tell their own architecture are not of `model`."""
    if model.endswith(".json"):
        asked = read_json(model)
    else:
        _check_architecture(model)
        asked = open_clip.get_model_config(model)
    found = architecture(clip.state_dict())
    for part in ("vision_cfg", "text_cfg"):
        for key, value in found[part].items():
            # OpenAI's layout does not tell the number of heads
            if key != "heads" and asked.get(part, {}).get(key) != value:
                raise InputError(
                    f"{weights}: weights of another model than {model} (its {part} has {key} {value}, not "
                    f"{asked.get(part, {}).get(key)}): give the model they are of"
                )
