"""Saved prompts come back as they were; damaged ones are refused."""

import pytest
import torch
from safetensors.torch import save_file
from tests.refusals import refused

from lexiclip.errors import InputError
from lexiclip.prompts.class_vectors import (
    ClassVectors,
    Prompts,
    class_vectors,
    load_prompts,
    save_prompts,
    zero_shot_vectors,
)
from lexiclip.prompts.contexts import init_contexts

NAMES = ("dog", "hair drier")
MODEL = "0123456789abcdef fast"


@pytest.fixture(params=["plain", "evidence", "untuned"])
def prompts(request, small_clip):
    if request.param == "untuned":
        return Prompts(zero_shot_vectors(small_clip, NAMES), NAMES, MODEL, None)
    contexts = init_contexts(3, 32, evidence=request.param == "evidence", seed=0)
    return Prompts(class_vectors(small_clip, contexts, NAMES), NAMES, MODEL, contexts)


def same(first, second):
    if first is None or second is None:
        return first is second
    return all(
        a is b if a is None or b is None else torch.equal(a, b) for a, b in zip(first, second, strict=True)
    )


def test_round_trip(prompts, tmp_path):
    for name in ("a", "b"):
        save_prompts(tmp_path / name, prompts)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    loaded = load_prompts(tmp_path / "a", MODEL)
    assert same(loaded.vectors, prompts.vectors) and same(loaded.contexts, prompts.contexts)
    assert loaded.names == NAMES and loaded.model == MODEL


def test_exact_prompts_are_stored_without_a_processors_last_bits(exact_clip, tmp_path):
    contexts = init_contexts(3, 32, evidence=True, seed=0)
    vectors = class_vectors(exact_clip, contexts, NAMES)
    other = ClassVectors(*(part * (1 + 1e-13) for part in vectors))
    for name, of_one in (("a", vectors), ("b", other)):
        save_prompts(tmp_path / name, Prompts(of_one, NAMES, MODEL, contexts))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    stored = load_prompts(tmp_path / "a")
    assert same(stored.contexts, contexts)
    for part, exact in zip(stored.vectors, vectors, strict=True):
        assert part.dtype == torch.float32 and torch.equal(part, exact.half().float())


@pytest.mark.parametrize("prompts", ["evidence"], indirect=True)
def test_refusals(prompts, tmp_path):
    path = tmp_path / "p.safetensors"
    save_prompts(path, prompts)
    with pytest.raises(InputError, match="CLIP 0123456789abcdef fast, not fedcba9876543210 fast"):
        load_prompts(path, "fedcba9876543210 fast")
    with pytest.raises(InputError, match=r"precision fast, params\.yaml says exact: train the variant again"):
        load_prompts(path, "0123456789abcdef exact")
    save_prompts(path, prompts._replace(model="0123456789abcdef"))  # as written before there were two
    with pytest.raises(InputError, match=r"precision unknown, params\.yaml says exact: train the variant"):
        load_prompts(path, "0123456789abcdef exact")
    save_prompts(path, prompts._replace(names=("dog",)))
    with pytest.raises(InputError, match=r"p\.safetensors"):
        load_prompts(path)
    vectors = prompts.vectors._replace(local=torch.zeros(len(NAMES), 5))
    save_prompts(path, prompts._replace(vectors=vectors))
    with pytest.raises(InputError, match=r"p\.safetensors: .* are no vectors of 2 classes"):
        load_prompts(path)
    save_file({"other": torch.zeros(2)}, path)
    with refused("p.safetensors"):
        load_prompts(path)
    path.write_bytes(b"damaged")
    with refused("p.safetensors"):
        load_prompts(path)
    with refused("absent.safetensors"):
        load_prompts(tmp_path / "absent.safetensors")
