"""What a user gives for a CLIP or for its prompts, checked without torch, which takes seconds to import."""

import difflib
import json
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from safetensors import safe_open

from lexiclip.errors import InputError
from lexiclip.files import reading


@cache
def model_names() -> set[str]:
    """open_clip's names of architectures, from its folder of configs."""
    folder = Path(find_spec("open_clip").origin).with_name("model_configs")
    return {file.stem for file in folder.glob("*.json")}


def check_clip(spec: str) -> None:
    """InputError if `clip_of` cannot read `spec`: no such file, folder or name of open_clip's."""
    path = Path(spec).expanduser()
    model, equals, file = spec.partition("=")
    if path.exists():
        if path.suffix == ".safetensors" and _is_prompts(path):
            raise InputError(f"{spec}: prompts, not a CLIP: give them to --prompts and their CLIP to --clip")
        return
    if equals and not Path(file).expanduser().is_file():
        raise InputError(f"CLIP {spec!r}: no such file: {file}")
    name = model if equals else (spec.rpartition("/")[0] or spec).replace("/", "-")
    slashed = spec.replace("/", "-")  # "ViT-B/16" is a name, too
    if spec.startswith("hf-hub:") or model.endswith(".json") or model_names() & {name, slashed}:
        return
    known = {name.lower(): name for name in model_names()}
    near = [known[match] for match in difflib.get_close_matches(name.lower(), known)]
    hint = f"did you mean {' or '.join(near)}?" if near else "such as ViT-B-16/openai"
    raise InputError(f"CLIP {spec!r}: no such file or folder, and no name of open_clip's: {hint}")


class Header(NamedTuple):
    """What a file of prompts tells: its classes, the id of its CLIP, and whether it has learned contexts."""

    names: tuple[str, ...]
    model: str
    learned: bool

    def serve(self, names: Sequence[str]) -> bool:
        """Whether there are class vectors for `names`, or contexts to make them from."""
        return self.learned or set(names) <= set(self.names)


def prompts_header(path: str | Path) -> Header:
    """The header of a variant's .safetensors. InputError for a file that is missing or holds no prompts."""
    if Path(path).is_dir():
        raise InputError(f"{path}: a folder: give one variant's .safetensors")
    metadata = _metadata(path)
    if metadata is None:
        raise InputError(f"{path}: no prompts in it: give what `lexiclip tune` or a study's training wrote")
    with reading(path, "cannot be read as prompts"), safe_open(path, "np") as file:
        learned = "contexts.global_" in file.keys()  # noqa: SIM118 (not a dict)
        return Header(tuple(metadata["names"]), str(metadata["model"]), learned)


def _is_prompts(path: Path) -> bool:
    try:
        return _metadata(path) is not None
    except InputError:
        return False  # damage is reported by what reads the weights


def _metadata(path: str | Path) -> dict | None:
    """What this project wrote into a .safetensors; None if it is not one of its files."""
    with reading(path, "cannot be read as prompts"), safe_open(path, "np") as file:
        written = (file.metadata() or {}).get("lexiclip")
        return None if written is None else json.loads(written)
