"""A .pt file in OpenAI's layout (state dict or TorchScript archive) in, an open_clip CLIP out.

The architecture is read off the weights' shapes, as OpenAI's loader does; fp32 weights keep their precision.
"""

import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path

import torch
from open_clip import CLIP
from torch import Tensor

from lexiclip.errors import InputError, reason_of

NOT_WEIGHTS = ("input_resolution", "context_length", "vocab_size")


def load_openai_layout(path: str | Path) -> CLIP:
    """The model of `path`. InputError names the file if it is missing, damaged or of another layout."""
    state = _read(Path(path))
    try:
        state = {key: value.float() for key, value in state.items() if key not in NOT_WEIGHTS}
        model = CLIP(**architecture(state), quick_gelu=True)
        model.load_state_dict(state)
    except Exception as error:  # torch and open_clip raise anything: AssertionError, ZeroDivisionError
        reason = reason_of(error, 120)
        reason = f"{type(error).__name__}: {' '.join(str(error).split())}"[:120]
        raise InputError(
            f"{path}: not CLIP weights in OpenAI's layout ({reason}): give the .pt of a CLIP ResNet or ViT"
        ) from None
    return model


def architecture(state: Mapping[str, Tensor]) -> dict:
    """open_clip's embed_dim, vision_cfg and text_cfg of OpenAI-layout weights. KeyError if one is absent."""
    width = state["ln_final.weight"].shape[0]
    text = {
        "context_length": state["positional_embedding"].shape[0],
        "vocab_size": state["token_embedding.weight"].shape[0],
        "width": width,
        "heads": width // 64,
        "layers": _count(state, "transformer.resblocks.", 2),
    }
    vision = _vit(state) if "visual.proj" in state else _modified_resnet(state)
    return {"embed_dim": state["text_projection"].shape[1], "vision_cfg": vision, "text_cfg": text}


def _modified_resnet(state: Mapping[str, Tensor]) -> dict:
    positions = state["visual.attnpool.positional_embedding"].shape[0]
    return {
        "layers": [_count(state, f"visual.layer{stage}.", 2) for stage in (1, 2, 3, 4)],
        "width": state["visual.layer1.0.conv1.weight"].shape[0],
        "patch_size": None,
        "image_size": _cells_a_side(positions) * 32,
    }


def _vit(state: Mapping[str, Tensor]) -> dict:
    width, _, patch, _ = state["visual.conv1.weight"].shape
    positions = state["visual.positional_embedding"].shape[0]
    return {
        "layers": _count(state, "visual.transformer.resblocks.", 3),
        "width": width,
        "patch_size": patch,
        "image_size": _cells_a_side(positions) * patch,
    }


def _cells_a_side(positions: int) -> int:
    """Of the square of cells that have all positions but the first."""
    if positions < 2:
        raise ValueError(f"{positions} positions are no image")
    return round((positions - 1) ** 0.5)


def _count(state: Mapping[str, Tensor], prefix: str, part: int) -> int:
    return len({key.split(".")[part] for key in state if key.startswith(prefix)})


def _read(path: Path) -> dict[str, Tensor]:
    if not path.is_file():
        raise InputError(f"{path}: no such file: give the path of a .pt in OpenAI's CLIP layout")
    try:
        state = _torchscript(path) if _is_torchscript(path) else torch.load(path, "cpu", weights_only=True)
    except Exception as error:  # torch.load fails in a dozen ways on a damaged file
        reason = " ".join(str(error).split())[:80]
        raise InputError(f"{path}: damaged or not weights ({reason}): download it again") from None
    if isinstance(state, Mapping) and isinstance(state.get("state_dict"), Mapping):
        state = {key.removeprefix("module."): value for key, value in state["state_dict"].items()}
    if not isinstance(state, Mapping) or not all(
        isinstance(key, str) and isinstance(value, Tensor) for key, value in state.items()
    ):
        raise InputError(f"{path}: holds no state dict: give the .pt of a CLIP in OpenAI's layout")
    return dict(state)


def _is_torchscript(path: Path) -> bool:
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any(name.endswith("constants.pkl") for name in archive.namelist())


def _torchscript(path: Path) -> dict[str, Tensor]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TorchScript is deprecated; OpenAI's files still come in it
        return torch.jit.load(path, map_location="cpu").state_dict()
