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

import numpy as np
import torch
from torch import Tensor, nn

from lexiclip.clip.library import (
    PreprocessCfg,
    convert_state_dict,
    convert_to_custom_text_state_dict,
    merge_preprocess_dict,
    open_clip,
    set_model_preprocess_cfg,
)
from lexiclip.clip.text_tower import check_takes_prompts
from lexiclip.clip.weights import CONFIG, ENDINGS, Weights, config_of, is_weights_file, read_weights
from lexiclip.errors import InputError
from lexiclip.files import read_json, reading


def from_name(name: str) -> nn.Module:
    """The CLIP of an open_clip name and a tag, "ViT-B-16/openai" or "ViT-B-16/random"."""
    model, _, tag = name.rpartition("/")
    if not model or name.replace("/", "-") in open_clip.list_models():  # "ViT-B/16" is a name, too
        model, tag = name, ""
    model = model.replace("/", "-")
    if tag:
        return from_random(model) if tag == "random" else from_tag(model, tag)
    _model_config(model)
    tags = [*open_clip.list_pretrained_tags_by_model(model), "random"]
    raise InputError(f"CLIP {name!r}: say which weights, {model}/TAG with a TAG of {', '.join(tags)}")


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
    files.sort(  # a folder may also hold transformers' weights, and what training left
        key=lambda file: (
            "open_clip" not in file.name,
            "model" not in file.name,
            file.suffix != ".safetensors",
        )
    )
    if not files:
        raise InputError(f"{folder}: no weights in it ({', '.join(ENDINGS)})")
    if not any((folder / name).exists() for name in (CONFIG, "config.json")):
        raise InputError(f"{folder}: no {CONFIG} in it: copy it there, or give NAME={files[0]}")
    return from_file(None, files[0])


def from_file(model: str | None, path: str | Path) -> nn.Module:
    """A CLIP with the weights of a file; `model`: an open_clip name, a config, or None if the file tells it.

    InputError if it does not, or if the weights are not of `model`. A note on stderr says so where OpenAI's
    weights may be meant and GELU is taken.
    """
    weights = read_weights(path)
    config = _config_for(model, weights, path)
    preprocess = (weights.config or {}).get("preprocess_cfg") or _preprocess_cfg(model)
    clip = _empty(config, preprocess, model or str(path))
    names = " or ".join(_names(weights.state)) or "none that open_clip knows"
    with reading(path, f"weights of another model than {model or CONFIG}", f"name their own ({names})"):
        clip.load_state_dict(_fitting(clip, weights.state))
    known = weights.config or weights.openai or weights.checkpoint
    if not known and f"{model}-quickgelu" in open_clip.list_models():
        print(
            f"note: {path} does not tell its activation, and {model} stands for GELU: OpenAI's weights need "
            f"{model}-quickgelu",
            file=sys.stderr,
        )
    return clip


def _config_for(model: str | None, weights: Weights, path: str | Path) -> dict:
    """The config of `model`, or the one that a file tells.

    The activation is what `model` says if it says any (RN50-quickgelu), else what the config beside the file
    says, else QuickGELU for OpenAI's archives and GELU for all others.
    """
    told = weights.config and weights.config["model_cfg"]
    if told:
        return {"quick_gelu": told.get("quick_gelu", False)} | _model_config(model) if model else told
    if model is None and not weights.openai:
        names = " or ".join(f"{name}={path}" for name in _names(weights.state)) or f"NAME={path}"
        raise InputError(f"{path}: does not tell what it is of: give {names}, or put {CONFIG} beside it")
    with reading(path, "no weights in OpenAI's layout", f"give NAME={path}"):
        config = _model_config(model) if model else config_of(weights.state)
    return {"quick_gelu": True} | config if weights.openai else config


def _empty(config: dict, preprocess: dict | None, named: str) -> nn.Module:
    """A CLIP of a config with random weights, always the same. InputError says where the config is from."""
    with reading(named, "not a CLIP config", "expected embed_dim, vision_cfg and text_cfg"):
        check_takes_prompts(config["text_cfg"])
        if max(np.max(config[tower].get("layers", 0)) for tower in ("vision_cfg", "text_cfg")) > 1000:
            raise ValueError("a tower of over 1000 layers")  # building it would take for ever
        arguments = deepcopy(config)
        kind = open_clip.CustomTextCLIP if arguments.pop("custom_text", False) else open_clip.CLIP
        if "timm_model_name" in arguments["vision_cfg"]:
            arguments["vision_cfg"]["timm_model_pretrained"] = False  # fetches nothing
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            clip = kind(**arguments)
        if preprocess:
            preprocess = merge_preprocess_dict(PreprocessCfg(), preprocess)
            set_model_preprocess_cfg(clip, preprocess | {"size": clip.visual.image_size})
    clip.model_cfg = config
    return clip


def _fitting(clip: nn.Module, state: dict[str, Tensor]) -> dict[str, Tensor]:
    """A state dict under the names that `clip` has. ValueError names the first tensor that does not fit."""
    state, wanted = convert_state_dict(clip, state), clip.state_dict()
    if "text.text_projection" in wanted:
        state = convert_to_custom_text_state_dict(state)
    if "logit_scale" in state:  # some write the number as a row of one
        state = state | {"logit_scale": state["logit_scale"].reshape(wanted["logit_scale"].shape)}
    for name in [*wanted, *state]:
        found, expected = (list(part[name].shape) if name in part else None for part in (state, wanted))
        if found != expected:
            raise ValueError(f"{name} is {found or 'missing'}, not {expected or 'a tensor of it'}")
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
    """Mean and deviation of an open_clip name: those of its tags, where all have the same, else OpenAI's."""
    if model is None or model.endswith(".json"):
        return {}
    tags = open_clip.list_pretrained_tags_by_model(model)
    cfgs = [open_clip.get_pretrained_cfg(model, tag) for tag in tags]
    known = [{key: cfg.get(key) for key in ("mean", "std")} for cfg in cfgs]
    same = bool(known) and known.count(known[0]) == len(known)
    return merge_preprocess_dict(PreprocessCfg(), known[0] if same else {})


def _model_config(model: str) -> dict:
    """open_clip's config of an architecture, or that of a .json file. InputError if there is none."""
    if not model.endswith(".json"):
        known = {name.lower(): name for name in open_clip.list_models()}
        if known.get(model.lower()) != model:
            close = difflib.get_close_matches(model.lower(), known) or ["rn50", "vit-b-16"]
            near = " or ".join(known[name] for name in close)
            raise InputError(
                f"model {model!r}: no name of open_clip's, no file: did you mean {near}? (or a .json config)"
            )
        return open_clip.get_model_config(model)
    config = read_json(model)
    if isinstance(config, dict):
        config = config.get("model_cfg", config)  # of an open_clip_config.json
    towers = ("vision_cfg", "text_cfg")
    if not isinstance(config, dict) or not all(isinstance(config.get(tower), dict) for tower in towers):
        raise InputError(f"{model}: not a CLIP config: expected embed_dim, vision_cfg and text_cfg")
    return config


@contextmanager
def _fetching(what: str, problem: str) -> Iterator[None]:
    """InputError if the block cannot fetch; what the hub's client says on the way stays unsaid."""
    remedy = (
        "without a network, fetch it elsewhere and copy the Hugging Face cache here, or give a local file"
    )
    logging.disable(logging.ERROR)
    try:
        with reading(what, problem, remedy):
            yield
    finally:
        logging.disable(logging.NOTSET)
