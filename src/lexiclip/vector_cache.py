"""Text features of class names, kept in the user's cache folder: a CLIP used before encodes new names alone.

On a CPU the 80 templates of COCO's 80 classes take half a minute, far longer than a photo.
"""

import hashlib
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import torch
from torch import Tensor

from lexiclip.errors import InputError
from lexiclip.tensor_files import load_checked, save_checked


def cached_vectors(run: str, names: Sequence[str], make: Callable[[list[str]], Tensor]) -> Tensor:
    """Vectors (K, D) of `names`: what earlier calls with the same `run` made, and `make` of the others."""
    path = cache_folder() / f"{hashlib.sha256(run.encode()).hexdigest()[:16]}.safetensors"
    vectors: dict[str, Tensor] = {}
    with suppress(InputError):  # none yet, or damaged
        tensors, metadata = load_checked(path, run)
        vectors = dict(zip(metadata["names"], tensors["vectors"], strict=True))
    if new := [name for name in names if name not in vectors]:
        vectors |= dict(zip(new, make(new), strict=True))
        with suppress(InputError):  # no room, or no such right: the next call makes them again
            rows = torch.stack(list(vectors.values()))
            save_checked(path, {"vectors": rows}, {"run": run, "names": list(vectors)})
    return torch.stack([vectors[name] for name in names])


def cache_folder() -> Path:
    """$XDG_CACHE_HOME/lexiclip, or ~/.cache/lexiclip. It may be removed at any time."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "lexiclip"
