"""A file of CLIP weights in; its tensors under open_clip's names out, and what the file tells about its CLIP.

Read are state dicts as open_clip and OpenAI write them, bare, in a trainer's checkpoint or in a TorchScript
archive, and those of Hugging Face transformers' CLIPModel. No pickled object is.
"""

import re
import warnings
from pathlib import Path
from pickle import UnpicklingError
from typing import NamedTuple

import torch
from safetensors.torch import load_file
from torch import Tensor

from lexiclip.errors import InputError
from lexiclip.files import read_json, reading

ENDINGS = (".safetensors", ".pt", ".pth", ".bin")
CONFIG = "open_clip_config.json"
OPENAIS = {"input_resolution", "context_length", "vocab_size"}  # numbers that its archives alone hold

# Parameter names of transformers' CLIPModel, and open_clip's.
TRANSFORMERS = [
    (r"^text_model\.embeddings\.position_embedding\.weight$", "positional_embedding"),
    (r"^text_model\.embeddings\.", ""),
    (r"^vision_model\.embeddings\.position_embedding\.weight$", "visual.positional_embedding"),
    (r"^vision_model\.embeddings\.patch_embedding\.", "visual.conv1."),
    (r"^vision_model\.embeddings\.", "visual."),
    (r"^vision_model\.pre_layrnorm\.", "visual.ln_pre."),
    (r"^vision_model\.post_layernorm\.", "visual.ln_post."),
    (r"^text_model\.final_layer_norm\.", "ln_final."),
    (r"^vision_model\.encoder\.layers\.", "visual.transformer.resblocks."),
    (r"^text_model\.encoder\.layers\.", "transformer.resblocks."),
    (r"\.self_attn\.", ".attn."),
    (r"\.layer_norm([12])\.", r".ln_\1."),
    (r"\.mlp\.fc1\.", ".mlp.c_fc."),
    (r"\.mlp\.fc2\.", ".mlp.c_proj."),
]


class Weights(NamedTuple):
    """Tensors under open_clip's names, and what is known of their CLIP.

    config: {"model_cfg", "preprocess_cfg"} out of the config beside the file, if there is one. openai: an
    archive of OpenAI's, hence with QuickGELU. checkpoint: a trainer's, hence none of OpenAI's.
    """

    state: dict[str, Tensor]
    config: dict | None
    openai: bool
    checkpoint: bool


def is_weights_file(name: str) -> bool:
    """Whether a name ends like a file of weights, in upper or lower case."""
    return name.lower().endswith(ENDINGS)


def read_weights(path: str | Path) -> Weights:
    """The tensors of a file. InputError if it is missing or damaged, or holds something else."""
    with reading(path, "no CLIP weights", f"give the state_dict() of a CLIP ({', '.join(ENDINGS)})"):
        with Path(path).open("rb") as file:
            if file.read(20) == b"version https://git-":
                raise InputError(f"{path}: a pointer of Git LFS, not the weights: run `git lfs pull`")
        content, archive = _content(str(path))
        checkpoint = "state_dict" in content
        state = content["state_dict"] if checkpoint else content
        # DistributedDataParallel and torch.compile prepend to every name
        state = {re.sub(r"^((module|_orig_mod)\.)+", "", name): tensor for name, tensor in state.items()}
        openai = archive or bool(OPENAIS & state.keys())
        state = {name: tensor for name, tensor in state.items() if name not in OPENAIS}
        if not state or not all(isinstance(tensor, Tensor) for tensor in state.values()):
            raise ValueError(f"found {', '.join(map(str, list(content)[:5])) or 'nothing'}")
        config = _config_beside(path)
        if any(name.startswith(("vision_model.", "text_model.")) for name in state):
            state = _from_transformers(state)
            config = config or _transformers_config(path, state)
    return Weights(state, config, openai, checkpoint)


def _content(path: str) -> tuple[dict, bool]:
    """What a file holds, and whether it is a TorchScript archive, as OpenAI's own files are."""
    if path.lower().endswith(".safetensors"):
        return load_file(path), False
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TorchScript is deprecated
        try:
            return dict(torch.load(path, map_location="cpu", weights_only=True)), False
        except RuntimeError:
            return torch.jit.load(path, map_location="cpu").state_dict(), True
        except UnpicklingError as error:  # many lines
            found = re.search(r"GLOBAL (\S+)", str(error))
            objects = f"Python objects such as {found[1]}, which are not read" if found else ""
            raise ValueError(objects or "not PyTorch's format") from None


def _from_transformers(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The state dict of transformers' CLIPModel under open_clip's names. ValueError if it is of another."""
    if not {"visual_projection.weight", "text_projection.weight"} <= state.keys():
        raise ValueError("transformers' names, but not of its CLIPModel with both projections")
    found = {}
    for name, tensor in state.items():
        if name.endswith("position_ids") or ".k_proj." in name or ".v_proj." in name:
            continue
        if ".q_proj." in name:  # (3·d, d): query, key and value, one below the other
            tensor = torch.cat([state[name.replace(".q_proj.", f".{part}_proj.")] for part in "qkv"])
            name = name.replace(".q_proj.", ".in_proj_")
        for pattern, replacement in TRANSFORMERS:
            name = re.sub(pattern, replacement, name)
        found[name] = tensor
    found["text_projection"] = found.pop("text_projection.weight").T
    found["visual.proj"] = found.pop("visual_projection.weight").T
    return found


def _config_beside(path: str | Path) -> dict | None:
    """What open_clip_config.json beside a file says; None without one."""
    beside = Path(path).with_name(CONFIG)
    if not beside.exists():
        return None
    content = read_json(beside)
    if not isinstance(content, dict) or not isinstance(content.get("model_cfg"), dict):
        raise InputError(f"{beside}: not a config of open_clip's: expected model_cfg and preprocess_cfg")
    return content


def _transformers_config(path: str | Path, state: dict[str, Tensor]) -> dict | None:
    """The same out of transformers' config.json, where what is left out has transformers' default."""
    beside, processor = (Path(path).with_name(name) for name in ("config.json", "preprocessor_config.json"))
    if not beside.exists():
        return None
    content, config = read_json(beside), config_of(state)
    text, vision = (content.get(part) or {} for part in ("text_config", "vision_config"))
    config["text_cfg"]["heads"] = text.get("num_attention_heads", 8)
    width, heads = config["vision_cfg"]["width"], vision.get("num_attention_heads", 12)
    config["vision_cfg"]["head_width"] = width // heads
    config["quick_gelu"] = text.get("hidden_act", "quick_gelu") == "quick_gelu"
    pixels = read_json(processor) if processor.exists() else {}
    normalised = {"mean": pixels.get("image_mean"), "std": pixels.get("image_std")}
    return {"model_cfg": config, "preprocess_cfg": normalised}


def config_of(state: dict[str, Tensor]) -> dict:
    """The config that the shapes of weights in OpenAI's layout tell; KeyError if they are in another.

    Shapes tell no activation and no heads, which have 64 channels in every model of OpenAI's.
    """
    if "visual.proj" in state:
        positions, patch_size = "visual.positional_embedding", state["visual.conv1.weight"].shape[-1]
        layers = _count(state, "visual.transformer.resblocks.")
        width = state["visual.conv1.weight"].shape[0]
    else:
        positions, patch_size = "visual.attnpool.positional_embedding", None
        layers = [_count(state, f"visual.layer{stage}.") for stage in (1, 2, 3, 4)]
        width = state["visual.layer1.0.conv1.weight"].shape[0]
    side = round((state[positions].shape[0] - 1) ** 0.5)  # of a grid of cells; those of a ResNet are 32 wide
    if side < 1:
        raise ValueError("positions of no image")
    text_width = state["ln_final.weight"].shape[0]
    return {
        "embed_dim": state["text_projection"].shape[1],
        "vision_cfg": {
            "layers": layers,
            "width": width,
            "patch_size": patch_size,
            "image_size": side * (patch_size or 32),
        },
        "text_cfg": {
            "context_length": state["positional_embedding"].shape[0],
            "vocab_size": state["token_embedding.weight"].shape[0],
            "width": text_width,
            "heads": text_width // 64,
            "layers": _count(state, "transformer.resblocks."),
        },
    }


def _count(state: dict[str, Tensor], prefix: str) -> int:
    return len({name[len(prefix) :].split(".")[0] for name in state if name.startswith(prefix)})
