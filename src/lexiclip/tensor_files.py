"""Tensors and facts in one safetensors file that tells when it is damaged: what a killed run goes on from."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from lexiclip.files import atomic_path

# What reading a damaged file raises.
DAMAGE = (OSError, SafetensorError, LookupError, AttributeError, TypeError, ValueError, RecursionError)


class DamagedError(Exception):
    """A file is not as it was written; the message says how."""


def save_checked(path: Path, tensors: Mapping[str, Tensor], facts: dict) -> None:
    """Write tensors (contiguous, on the CPU) and facts that JSON can hold, with a checksum of both."""
    checked = {**facts, "checksum": _checksum(facts, tensors)}
    with atomic_path(path) as temporary:
        save_file(dict(tensors), temporary, {"lexiclip": json.dumps(checked)})


def load_checked(path: Path) -> tuple[dict[str, Tensor], dict]:
    """The tensors and facts. DamagedError if they are not those that were written: damage may be readable."""
    try:
        with safe_open(path, "pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
            facts = json.loads(file.metadata()["lexiclip"])
        whole = facts.pop("checksum") == _checksum(facts, tensors)
    except DAMAGE as error:
        raise DamagedError(str(error)) from None
    if not whole:
        raise DamagedError("its checksum is another")
    return tensors, facts


def _checksum(facts: dict, tensors: Mapping[str, Tensor]) -> str:
    digest = hashlib.sha256(json.dumps(facts).encode())
    for name, tensor in sorted(tensors.items()):
        array = tensor.numpy()
        digest.update(f"{name} {array.dtype} {array.shape}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()
