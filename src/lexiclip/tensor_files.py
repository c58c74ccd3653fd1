"""Tensors and metadata in one safetensors file, the metadata as JSON under the key "lexiclip".

What a killed run goes on from has a checksum, too: damage may be readable.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from lexiclip.errors import InputError
from lexiclip.files import atomic_path, reading

Fields = TypeVar("Fields", bound=tuple)


def save_tensors(path: str | Path, tensors: Mapping[str, Tensor], metadata: dict) -> None:
    """Write tensors, wherever they are, and metadata that JSON can hold."""
    stored = {name: tensor.detach().cpu().clone().contiguous() for name, tensor in tensors.items()}
    with atomic_path(path) as temporary:  # one metadata key: safetensors writes several in any order
        save_file(stored, temporary, {"lexiclip": json.dumps(metadata)})


def load_tensors(path: str | Path) -> tuple[dict[str, Tensor], dict]:
    """The tensors, on the CPU, and the metadata. Raises anything on a damaged file: call it in `reading`."""
    with safe_open(path, "pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
        return tensors, json.loads(file.metadata()["lexiclip"])


def save_checked(path: Path, tensors: Mapping[str, Tensor], metadata: dict) -> None:
    """Write tensors and metadata, "run" among it, with a checksum of both."""
    save_tensors(path, tensors, {**metadata, "checksum": _checksum(metadata, tensors)})


def load_checked(path: Path, run: str) -> tuple[dict[str, Tensor], dict]:
    """The tensors and metadata of `save_checked`. InputError if they are damaged, or of another `run`."""
    with reading(path, problem="damaged"):
        tensors, metadata = load_tensors(path)
        if metadata.pop("checksum") != _checksum(metadata, tensors):
            raise ValueError("its checksum is another")
        if metadata["run"] != run:
            raise InputError(f"{path}: of a run with other params, texts or architecture")
        return tensors, metadata


def flattened(group: str, fields: tuple | None) -> dict[str, Tensor]:
    """{"group.field": tensor} of a NamedTuple of tensors; what is None is left out."""
    named = fields._asdict() if fields else {}
    return {f"{group}.{field}": tensor for field, tensor in named.items() if tensor is not None}


def unflattened(kind: type[Fields], group: str, tensors: Mapping[str, Tensor]) -> Fields:
    """The NamedTuple of type `kind` that `flattened` took apart; None where a tensor is missing."""
    return kind(*(tensors.get(f"{group}.{field}") for field in kind._fields))


def _checksum(metadata: dict, tensors: Mapping[str, Tensor]) -> str:
    digest = hashlib.sha256(json.dumps(metadata).encode())
    for name, tensor in sorted(tensors.items()):
        array = tensor.detach().cpu().numpy()
        digest.update(f"{name} {array.dtype} {array.shape}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()
