"""Names of a CLIP and of its weights in, a frozen fp32 open_clip model out, and the folder of one."""

import difflib
import os
from pathlib import Path

import open_clip
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from lexiclip.clip.backbone import CONFIG, WEIGHTS, frozen
from lexiclip.clip.openai_layout import architecture, load_openai_layout
from lexiclip.errors import InputError, reason_of
from lexiclip.files import atomic_folder, read_json, write_json


def build_clip(model: str | None, weights: str | os.PathLike) -> nn.Module:
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
    return frozen(clip)


def save_clip(
    folder: str | Path, clip: nn.Module, model: str | None, weights: str | os.PathLike, half: bool = False
) -> None:
    """Write what `build_clip(model, weights)` gave, in fp16 if `half`, in the layout that open_clip reads."""
    with atomic_folder(folder) as new:
        config = _config(clip, model, str(weights))
        preprocess = getattr(clip.visual, "preprocess_cfg", {})  # normalisation, where a model has its own
        write_json(new / CONFIG, {"model_cfg": config, "preprocess_cfg": preprocess})
        tensors = {name: tensor.cpu().contiguous() for name, tensor in clip.state_dict().items()}
        if half:
            tensors = {name: t.half() if t.is_floating_point() else t for name, t in tensors.items()}
        save_file(tensors, new / WEIGHTS)


def _config(clip: nn.Module, model: str | None, weights: str) -> dict:
    if weights.endswith(".pt"):
        return architecture(clip.state_dict()) | {"quick_gelu": True}
    if str(model).endswith(".json"):
        return read_json(model)
    quick_gelu = {"quick_gelu": True} if _quick_gelu(model, weights) else {}
    return open_clip.get_model_config(model) | quick_gelu


def _quick_gelu(model: str, tag: str) -> bool:
    """Whether weights were trained with the activation that OpenAI used, whatever the model's name says."""
    return bool((open_clip.get_pretrained_cfg(model, tag) or {}).get("quick_gelu"))


def _build(model: str) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        if not model.endswith(".json"):
            _check_architecture(model)
            return open_clip.create_model(model, pretrained_text=False)
        config = _read_config(model)
        try:
            kind = open_clip.CustomTextCLIP if config.pop("custom_text", False) else open_clip.CLIP
            return kind(**config)
        except Exception as error:  # open_clip raises anything: AssertionError, IndexError, ZeroDivisionError
            reason = reason_of(error, 160)
            reason = f"{type(error).__name__}: {' '.join(str(error).split())}"[:160]
            raise InputError(
                f"{model}: not a CLIP config ({reason}): expected embed_dim, vision_cfg and text_cfg"
            ) from None


def _read_config(path: str) -> dict:
    config = read_json(path)
    towers = (
        [config.get(tower) for tower in ("vision_cfg", "text_cfg")] if isinstance(config, dict) else [None]
    )
    if not all(isinstance(tower, dict) for tower in towers):
        raise InputError(f"{path}: not a CLIP config: expected embed_dim, vision_cfg and text_cfg")
    return config


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
    try:
        return open_clip.create_model(model, pretrained=tag, force_quick_gelu=_quick_gelu(model, tag))
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
        asked = _read_config(model)
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
