"""Contexts and class names in, class vectors out: what a variant is at scoring time (METHOD §3)."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from lexiclip.clip.loading import check_made_with, tokenize
from lexiclip.clip.prefix_sharing import encode_class_prompts
from lexiclip.clip.text_tower import encode_texts
from lexiclip.errors import InputError
from lexiclip.files import atomic_path
from lexiclip.precision import rounded
from lexiclip.prompts.contexts import Contexts, PromptLayout, prompt_beginnings, prompt_layout


class ClassVectors(NamedTuple):
    """L2-normalised text features of K classes, each (K, D); evidence is None where the variant has none."""

    global_: Tensor
    local: Tensor
    evidence: Tensor | None


def class_vectors(clip: nn.Module, contexts: Contexts, names: Sequence[str]) -> ClassVectors:
    """Class vectors of `names` under learned contexts; no gradient. On the CPU, wherever `clip` is."""
    like = next(clip.parameters())
    contexts = Contexts(*(None if context is None else context.to(like) for context in contexts))
    with torch.no_grad():
        vectors = encode_contexts(clip, contexts, prompt_layout(clip, names, len(contexts.global_)))
    return ClassVectors(*(None if vector is None else vector.cpu() for vector in vectors))


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
        f"{group}.{branch}": rounded(tensor.detach(), stored).float().cpu().clone().contiguous()
        for group, (branches, stored) in groups.items()
        for branch, tensor in (branches._asdict().items() if branches else ())
        if tensor is not None
    }
    # One metadata key: safetensors writes several in any order.
    facts = json.dumps({"names": prompts.names, "model": prompts.model})
    with atomic_path(path) as temporary:
        save_file(tensors, temporary, metadata={"lexiclip": facts})


def load_prompts(path: str | Path, model: str | None = None) -> Prompts:
    """Read `save_prompts`' file. InputError if it is damaged, or not made with the CLIP of id `model`."""
    try:
        tensors, facts = read_tensors(path)
        names, made_with = tuple(facts["names"]), facts["model"]
    except (OSError, SafetensorError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: cannot be read as prompts ({error}): train the variant again") from None
    vectors = ClassVectors(*(tensors.get(f"vectors.{branch}") for branch in ClassVectors._fields))
    contexts = Contexts(*(tensors.get(f"contexts.{branch}") for branch in Contexts._fields))
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
    found = [tensor for tensor in branches if tensor is not None]
    return (
        branches.global_ is not None
        and branches.local is not None
        and all(
            tensor.ndim == 2 and tensor.is_floating_point() and tensor.shape == found[0].shape
            for tensor in found
        )
    )


def read_tensors(path: str | Path) -> tuple[dict[str, Tensor], dict]:
    """The tensors of one of our safetensors files, and the facts under its metadata key "lexiclip"."""
    with safe_open(path, "pt") as file:
        facts = json.loads((file.metadata() or {}).get("lexiclip", "{}"))
        return {key: file.get_tensor(key) for key in file.keys()}, facts  # noqa: SIM118
