"""Contexts and class names in, class vectors out: what a variant is at scoring time (METHOD §3)."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lexiclip.clip.loading import check_made_with, tokenize
from lexiclip.clip.prefix_sharing import encode_class_prompts
from lexiclip.clip.text_tower import encode_texts
from lexiclip.errors import InputError
from lexiclip.files import reading
from lexiclip.precision import rounded
from lexiclip.prompts.contexts import Contexts, PromptLayout, prompt_beginnings, prompt_layout
from lexiclip.tensor_files import flattened, load_tensors, save_tensors, unflattened


class ClassVectors(NamedTuple):
    """L2-normalised text features of K classes, each (K, D); evidence is None where the variant has none."""

    global_: Tensor
    local: Tensor
    evidence: Tensor | None

    def to(self, like: Tensor | torch.device | torch.dtype | str) -> "ClassVectors":
        """The same on another device, of another type, or as `like` is."""
        return ClassVectors(*(None if part is None else part.to(like) for part in self))


def class_vectors(clip: nn.Module, contexts: Contexts, names: Sequence[str]) -> ClassVectors:
    """Class vectors of `names` under learned contexts; no gradient. On the CPU, wherever `clip` is."""
    layout = prompt_layout(clip, names, len(contexts.global_))
    with torch.no_grad():
        return encode_contexts(clip, contexts.to(next(clip.parameters())), layout).to("cpu")


def encode_contexts(clip: nn.Module, contexts: Contexts, layout: PromptLayout) -> ClassVectors:
    """Class vectors of a precomputed layout, all contexts in one pass of the text tower; differentiable."""
    vectors = encode_class_prompts(
        clip, prompt_beginnings(layout, contexts), layout.endings, layout.eos
    )  # (C, K, D)
    return ClassVectors(vectors[0], vectors[1], None if contexts.evidence is None else vectors[2])


@torch.no_grad()
def zero_shot_vectors(
    clip: nn.Module, names: Sequence[str], template: str = "a photo of a {}."
) -> ClassVectors:
    """CLIP's own class vectors, the same for the global and the local branch. On the CPU, as above."""
    texts = [template.format(name.replace("_", " ")) for name in names]
    vectors = encode_texts(clip, tokenize(texts).to(next(clip.parameters()).device)).global_.cpu()
    return ClassVectors(vectors, vectors, None)


def mean_caption_vectors(vectors: Tensor, features: Tensor, labels: np.ndarray) -> ClassVectors:
    """Class vectors (K, D) moved to the mean caption that names the class, the same for both branches.

    features (N, D) and labels (N, K) of captions; a class that none names keeps its vector.
    """
    sums = torch.from_numpy(labels).to(features).T @ features  # (K, D)
    moved = F.normalize(vectors + F.normalize(sums, dim=-1), dim=-1)
    return ClassVectors(moved, moved, None)


class Prompts(NamedTuple):
    """A saved variant: class vectors, their names, the id of their CLIP, the contexts if any were learned."""

    vectors: ClassVectors
    names: tuple[str, ...]
    model: str
    contexts: Contexts | None


def save_prompts(path: str | Path, prompts: Prompts) -> None:
    """Write class vectors, contexts, names and model id as one safetensors file, in float32."""
    groups = {"vectors": (prompts.vectors, torch.float16), "contexts": (prompts.contexts, torch.float32)}
    tensors = {
        name: rounded(tensor.detach(), stored).float()
        for group, (fields, stored) in groups.items()
        for name, tensor in flattened(group, fields).items()
    }
    save_tensors(path, tensors, {"names": prompts.names, "model": prompts.model})


def load_prompts(path: str | Path, model: str | None = None) -> Prompts:
    """Read `save_prompts`' file. InputError if it is damaged, or not made with the CLIP of id `model`."""
    with reading(path, "cannot be read as prompts", "train the variant again"):
        tensors, metadata = load_tensors(path)
        names, made_with = tuple(metadata["names"]), metadata["model"]
    vectors = unflattened(ClassVectors, "vectors", tensors)
    contexts = unflattened(Contexts, "contexts", tensors)
    learned = contexts.global_ is not None or contexts.local is not None
    fits = all(isinstance(name, str) for name in names) and (_alike(contexts) or not learned)
    if not fits or not _alike(vectors) or len(vectors.local) != len(names):
        shapes = {key: list(tensor.shape) for key, tensor in tensors.items()}
        raise InputError(f"{path}: {shapes} are no vectors of {len(names)} classes: train the variant again")
    if model is not None:
        check_made_with(path, made_with, model, "train the variant again (`dvc repro` does)")
    return Prompts(vectors, names, made_with, contexts if learned else None)


def _alike(branches: ClassVectors | Contexts) -> bool:
    """True for float matrices of one shape, global and local at least."""
    if branches.global_ is None or branches.local is None:
        return False
    shape = branches.global_.shape
    return len(shape) == 2 and all(
        tensor is None or (tensor.is_floating_point() and tensor.shape == shape) for tensor in branches
    )
