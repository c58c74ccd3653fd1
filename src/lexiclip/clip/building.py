"""A CLIP with weights of an open_clip tag, a file, a folder or the Hugging Face hub, or with random ones.

Each is in fp32 on the CPU and carries open_clip's config of it as its attribute `model_cfg`.
"""

import difflib
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path

import open_clip
import torch
from open_clip.convert import convert_state_dict
from open_clip.model import convert_to_custom_text_state_dict, set_model_preprocess_cfg
from open_clip.transform import PreprocessCfg, merge_preprocess_dict
from torch import Tensor, nn

from lexiclip.clip.text_tower import check_takes_prompts
from lexiclip.clip.weights import CONFIG, ENDINGS, config_of, is_weights_file, read_weights
from lexiclip.errors import InputError
from lexiclip.files import read_json, reading

OFFLINE = (
    "without a network, fetch them elsewhere and copy the Hugging Face cache here, or give a local file as "
    "clip.weights"
)


def from_random(model: str) -> nn.Module:
    """A CLIP with random weights, always the same, of an open_clip name or of a config (.json)."""
    return _empty(_model_config(model), _preprocess_cfg(model), model)


def from_tag(model: str, tag: str) -> nn.Module:
    """A CLIP that open_clip fetches by its name and a tag of weights."""
    config = _model_config(model)
    tags = [] if model.endswith(".json") else open_clip.list_pretrained_tags_by_model(model)
    if tag not in tags:
        offered = "".join(f"{name}, " for name in difflib.get_close_matches(tag, tags) or tags)
        raise InputError(
            f"weights {tag!r} of {model}: choose {offered}a file ({', '.join(ENDINGS)}), or 'random'"
        )
    check_takes_prompts(config["text_cfg"])
    if open_clip.get_pretrained_cfg(model, tag).get("quick_gelu"):
        config["quick_gelu"] = True  # as the weights were trained, whatever the model's name says
    with _fetching(f"weights {tag!r} of {model}", "cannot be fetched or read"):
        clip = open_clip.create_model(
            model, pretrained=tag, force_quick_gelu=config.get("quick_gelu", False), require_pretrained=True
        )
    clip.model_cfg = config
    return clip


@contextmanager
def _fetching(what: str, problem: str) -> Iterator[None]:
    """InputError if the block cannot fetch; its many warnings on the way stay unsaid."""
    logging.disable(logging.ERROR)
    try:
        with reading(what, problem, OFFLINE):
            yield
    finally:
        logging.disable(logging.NOTSET)


def from_hub(name: str) -> nn.Module:
    """The CLIP of a repository on the Hugging Face hub in open_clip's layout, named "hf-hub:org/model"."""
    with _fetching(name, "cannot be fetched or read, or not in open_clip's layout"):
        config = open_clip.get_model_config(name)
        check_takes_prompts(config["text_cfg"])
        clip = open_clip.create_model(name, require_pretrained=True)
    clip.model_cfg = config
    return clip


def from_folder(folder: Path) -> nn.Module:
    """The CLIP of a folder of weights beside their config, as repositories on the Hugging Face hub are."""
    files = sorted(file for file in folder.iterdir() if is_weights_file(file.name))
    files.sort(
        key=lambda file: (not file.name.startswith("open_clip"), file.suffix.lower() != ".safetensors")
    )
    if not files:
        raise InputError(f"{folder}: no weights in it ({', '.join(ENDINGS)})")
    if not (folder / CONFIG).is_file() and not (folder / "config.json").is_file():
        raise InputError(f"{folder}: no {CONFIG} in it: copy it there, or give NAME={files[0]}")
    return from_file(None, files[0])


def from_file(model: str | None, path: str | Path) -> nn.Module:
    """A CLIP with the weights of a file; `model`: an open_clip name, a config, or None if the file tells it.

    The activation is what the config beside the file says, else `model` if it says so, else QuickGELU for
    OpenAI's archives and GELU for all others, as in open_clip. InputError if weights are not of `model`.
    """
    weights = read_weights(path)
    told = weights.config and weights.config["model_cfg"]
    if model is not None:
        config = _model_config(model) | ({"quick_gelu": told.get("quick_gelu", False)} if told else {})
    elif told or weights.openai:
        with reading(path, "no weights in OpenAI's layout", f"give NAME={path}"):
            config = told or config_of(weights.state)
    else:
        names = " or ".join(f"{name}={path}" for name in _names(weights.state)) or f"NAME={path}"
        raise InputError(f"{path}: does not tell its activation: give {names}, or put {CONFIG} beside it")
    if "quick_gelu" not in config and weights.openai:
        config = config | {"quick_gelu": True}
    elif not told and not weights.checkpoint and f"{model}-quickgelu" in open_clip.list_models():
        print(
            f"note: {path} does not tell its activation, and {model} stands for GELU: OpenAI's weights need "
            f"{model}-quickgelu",
            file=sys.stderr,
        )
    preprocess = weights.config.get("preprocess_cfg") if told else _preprocess_cfg(model)
    clip = _empty(config, preprocess, model or str(path))
    remedy = (
        f"name the model they are of ({' or '.join(_names(weights.state)) or 'none that open_clip knows'})"
    )
    with reading(path, f"weights of another model than {model or CONFIG}", remedy):
        clip.load_state_dict(_fitting(clip, weights.state))
    return clip


def _empty(config: dict, preprocess: dict | None, named: str) -> nn.Module:
    """A CLIP of a config with random weights, always the same. InputError says where the config is from."""
    with reading(named, "not a CLIP config", "expected embed_dim, vision_cfg and text_cfg"):
        check_takes_prompts(config["text_cfg"])
        arguments = deepcopy(config)
        kind = open_clip.CustomTextCLIP if arguments.pop("custom_text", False) else open_clip.CLIP
        kind = open_clip.CoCa if "multimodal_cfg" in arguments else kind
        if "timm_model_name" in arguments["vision_cfg"]:
            arguments["vision_cfg"]["timm_model_pretrained"] = False  # fetches nothing
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            clip = kind(**arguments)
        if preprocess:
            cfg = merge_preprocess_dict(PreprocessCfg(), preprocess)
            set_model_preprocess_cfg(clip, cfg | {"size": clip.visual.image_size})
    clip.model_cfg = config
    return clip


def _fitting(clip: nn.Module, state: dict[str, Tensor]) -> dict[str, Tensor]:
    """A state dict under the names that `clip` has. ValueError names the first tensor that does not fit."""
    state, wanted = convert_state_dict(clip, state), clip.state_dict()
    if "text.text_projection" in wanted:
        state = convert_to_custom_text_state_dict(state)
    if "logit_scale" in state:  # some write the number as a row of one
        state["logit_scale"] = state["logit_scale"].reshape(wanted["logit_scale"].shape)
    for name in [*wanted, *state]:
        found, expected = (part[name].shape if name in part else None for part in (state, wanted))
        if found != expected:
            raise ValueError(f"{name}: {found and [*found]}, not {expected and [*expected]}")
    return state


def _names(state: dict[str, Tensor]) -> list[str]:
    """The names that open_clip has for CLIPs of the shape of a state dict."""
    try:
        shape = config_of(state)
    except (KeyError, IndexError, ValueError):
        return []
    return [name for name in open_clip.list_models() if _has_shape(name, shape)]


def _has_shape(name: str, shape: dict) -> bool:
    config, parts = open_clip.get_model_config(name), ("vision_cfg", "text_cfg")
    told = [(part, key) for part in parts for key in shape[part] if key != "heads"]
    return all(config[part].get(key) == shape[part][key] for part, key in told)


def _preprocess_cfg(model: str | None) -> dict:
    """Mean and deviation of an open_clip name: those of its weights, where all have the same."""
    if model is None or model.endswith(".json"):
        return {}
    tags = open_clip.list_pretrained_tags_by_model(model)
    cfgs = [open_clip.get_pretrained_cfg(model, tag) for tag in tags]
    known = [{key: cfg.get(key) for key in ("mean", "std")} for cfg in cfgs]
    same = len(known) > 0 and known.count(known[0]) == len(known)
    return merge_preprocess_dict(PreprocessCfg(), known[0] if same else {})


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
