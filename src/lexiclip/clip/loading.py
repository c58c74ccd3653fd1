"""Names or a folder in, a frozen CLIP out; the folder of one; its tokenizer and its fingerprint.

open_clip builds and reads them. Weights are one of its tags, a .safetensors file, or a .pt of OpenAI's.
"""

import difflib
import hashlib
import os
import warnings
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import open_clip
import torch
from open_clip.factory import load_state_dict
from open_clip.model import build_model_from_openai_state_dict
from open_clip.modified_resnet import ModifiedResNet
from open_clip.tokenizer import SimpleTokenizer
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from lexiclip.clip.text_tower import text_tower
from lexiclip.errors import InputError
from lexiclip.files import atomic_folder, read_json, reading, write_json
from lexiclip.precision import DTYPES, Precision, precision_of

CONFIG, WEIGHTS = "open_clip_config.json", "open_clip_model.safetensors"


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


def build_clip(model: str | os.PathLike | None, weights: str | os.PathLike) -> nn.Module:
    """A CLIP in eval mode, frozen, fp32, on the CPU.

    model: an open_clip architecture ("RN50") or the path of a model config (.json). weights: an open_clip tag
    ("openai"), a .safetensors file, a .pt file of OpenAI's (its shapes tell the architecture; `model` is only
    checked) or "random" (always the same). InputError for names, files and text towers that do not fit.
    """
    model, weights = None if model is None else str(model), str(weights)
    if weights.endswith(".pt"):
        clip = _from_openai_layout(weights)
        if model is not None:
            _check_same(model, clip, weights)
    elif weights == "random" or weights.endswith(".safetensors"):
        clip = _randomly_initialised(str(model))
        if weights != "random":
            with reading(weights, "missing, damaged, or of another model", "give weights of clip.model"):
                clip.load_state_dict(load_file(weights))
    else:
        clip = _pretrained(str(model), weights)
    return frozen(clip)


def save_clip(
    folder: str | Path,
    clip: nn.Module,
    model: str | os.PathLike | None,
    weights: str | os.PathLike,
    half: bool = False,
) -> None:
    """Write what `build_clip(model, weights)` gave, in fp16 if `half`, in the layout that open_clip reads."""
    if str(weights).endswith(".pt"):
        config = _openai_config(clip)
    else:
        quick_gelu = {"quick_gelu": True} if _quick_gelu(str(model), str(weights)) else {}
        config = _model_config(str(model)) | quick_gelu
    preprocess = getattr(clip.visual, "preprocess_cfg", {})  # mean and std, where a model has its own
    tensors = {name: tensor.cpu().contiguous() for name, tensor in clip.state_dict().items()}
    if half:
        tensors = {name: t.half() if t.is_floating_point() else t for name, t in tensors.items()}
    with atomic_folder(folder) as new:
        write_json(new / CONFIG, {"model_cfg": config, "preprocess_cfg": preprocess})
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


def _model_config(model: str) -> dict:
    """open_clip's config of an architecture, or that of a .json file. InputError if there is none."""
    if not model.endswith(".json"):
        if model not in (known := open_clip.list_models()):
            near = difflib.get_close_matches(model, known) or ["RN50", "ViT-B-16"]
            raise InputError(f"model {model!r}: did you mean {' or '.join(near)}? (or give a .json config)")
        return open_clip.get_model_config(model)
    config = read_json(model)
    towers = ("vision_cfg", "text_cfg")
    if not isinstance(config, dict) or not all(isinstance(config.get(tower), dict) for tower in towers):
        raise InputError(f"{model}: not a CLIP config: expected embed_dim, vision_cfg and text_cfg")
    return config


def _quick_gelu(model: str, tag: str) -> bool:
    """Whether weights were trained with the activation that OpenAI used, whatever the model's name says."""
    return bool((open_clip.get_pretrained_cfg(model, tag) or {}).get("quick_gelu"))


def _randomly_initialised(model: str) -> nn.Module:
    config = _model_config(model)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        if not model.endswith(".json"):
            return open_clip.create_model(model, pretrained_text=False)
        with reading(model, "not a CLIP config", "expected embed_dim, vision_cfg and text_cfg"):
            kind = open_clip.CustomTextCLIP if config.pop("custom_text", False) else open_clip.CLIP
            return kind(**config)


def _pretrained(model: str, tag: str) -> nn.Module:
    tags = [] if model.endswith(".json") else open_clip.list_pretrained_tags_by_model(model)
    if tag not in tags:
        _model_config(model)
        offered = "".join(f"{name}, " for name in difflib.get_close_matches(tag, tags) or tags)
        raise InputError(
            f"weights {tag!r} of {model}: choose {offered}a .safetensors or .pt file, or 'random'"
        )
    remedy = (
        "without a network, fetch them elsewhere and copy the Hugging Face cache here, or give a local file "
        "as clip.weights"
    )
    with reading(f"weights {tag!r} of {model}", "cannot be fetched or read", remedy):
        return open_clip.create_model(model, pretrained=tag, force_quick_gelu=_quick_gelu(model, tag))


def _from_openai_layout(path: str) -> open_clip.CLIP:
    """The CLIP whose architecture the shapes of a .pt file tell; fp32 weights keep their precision."""
    with reading(path, "no CLIP weights in OpenAI's layout", "give the .pt of a CLIP ResNet or ViT"):
        state = {name: tensor.float() for name, tensor in _openai_state(path).items()}
        clip = build_model_from_openai_state_dict(state, cast_dtype=None)  # in fp16; drops what is no weight
        clip.float().load_state_dict(state)
        if preprocess_size(clip) < 1:
            raise ValueError("positions of no image")
        return clip


def _openai_state(path: str) -> dict[str, Tensor]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TorchScript is deprecated
        try:
            return load_state_dict(path)
        except RuntimeError:  # a TorchScript archive, as OpenAI's own files are
            return torch.jit.load(path, map_location="cpu").state_dict()


def _openai_config(clip: open_clip.CLIP) -> dict:
    """open_clip's config of a CLIP out of `_from_openai_layout`."""
    visual, width = clip.visual, clip.transformer.width
    if isinstance(visual, ModifiedResNet):
        stages = (visual.layer1, visual.layer2, visual.layer3, visual.layer4)
        vision = {"layers": list(map(len, stages)), "width": visual.layer1[0].conv1.out_channels}
        patch_size = None
    else:
        vision = {"layers": visual.transformer.layers, "width": visual.transformer.width}
        patch_size = visual.patch_size[0]
    return {
        "embed_dim": clip.text_projection.shape[1],
        "vision_cfg": {**vision, "patch_size": patch_size, "image_size": preprocess_size(clip)},
        "text_cfg": {
            "context_length": clip.context_length,
            "vocab_size": clip.vocab_size,
            "width": width,
            "heads": width // 64,
            "layers": clip.transformer.layers,
        },
        "quick_gelu": True,
    }


def _check_same(model: str, clip: open_clip.CLIP, weights: str) -> None:
    """InputError if weights that tell their own architecture are not of `model`."""
    asked, found = _model_config(model), _openai_config(clip)
    for part in ("vision_cfg", "text_cfg"):
        for key, value in found[part].items():
            # OpenAI's layout does not tell the number of heads
            if key != "heads" and asked[part].get(key) != value:
                raise InputError(
                    f"{weights}: weights of another model than {model} (its {part} has {key} {value}, not "
                    f"{asked[part].get(key)}): give the model they are of"
                )
