"""Prompts built from parts against the same prompts as plain text."""

import pytest
import torch

from lexiclip.clip.loading import tokenize
from lexiclip.clip.text_tower import embed_tokens
from lexiclip.errors import InputError
from lexiclip.prompts.class_vectors import class_vectors, zero_shot_vectors
from lexiclip.prompts.contexts import (
    Contexts,
    init_contexts,
    photo_contexts,
    prompt_beginnings,
    prompt_layout,
)

NAMES = ["dog", "traffic_light", "old hair drier", "orange"]


def test_a_context_of_words_is_the_sentence(small_clip):
    contexts = photo_contexts(small_clip)
    contexts = contexts._replace(evidence=contexts.global_)
    expected = zero_shot_vectors(small_clip, NAMES, "a photo of a {}.").global_
    for vectors in class_vectors(small_clip, contexts, NAMES):
        torch.testing.assert_close(vectors, expected, rtol=1e-4, atol=1e-5)


def test_layout_is_cut_at_the_longest_eos(small_clip):
    layout = prompt_layout(small_clip, NAMES, 5)
    tokens = tokenize(["old hair drier."])
    assert layout.eos.tolist() == [2, 3, 4, 2]  # the name, a full stop, EOS
    torch.testing.assert_close(layout.endings[2], embed_tokens(small_clip, tokens)[0, 1:6])
    contexts = Contexts(torch.zeros(5, 32), torch.ones(5, 32), None)
    beginnings = prompt_beginnings(layout, contexts)
    torch.testing.assert_close(beginnings[:, 0], embed_tokens(small_clip, tokens)[:, 0].expand(2, -1))
    assert beginnings[:, 1:].mean(dim=(1, 2)).tolist() == [0, 1]


def test_branches_take_their_own_context(small_clip):
    contexts = init_contexts(3, 32, evidence=True, seed=0)
    vectors = class_vectors(small_clip, contexts, NAMES)
    for branch in range(3):
        alone = Contexts(contexts[branch], contexts[branch], None)
        torch.testing.assert_close(
            class_vectors(small_clip, alone, NAMES).global_, vectors[branch], rtol=1e-4, atol=1e-5
        )
    assert not torch.allclose(vectors.global_, vectors.local)


def test_init_is_normal_and_seeded():
    first = init_contexts(64, 512, evidence=True, seed=1)
    assert first.global_.std().item() == pytest.approx(0.02, rel=0.05)
    assert torch.equal(first.local, init_contexts(64, 512, evidence=False, seed=1).local)
    assert not torch.equal(first.local, init_contexts(64, 512, evidence=True, seed=2).local)
    assert not torch.equal(first.local, first.evidence)
    assert init_contexts(2, 8, evidence=False, seed=1).evidence is None


def test_a_name_too_long_is_named(small_clip):
    with pytest.raises(InputError, match="hair drier"):
        prompt_layout(small_clip, ["dog", "old hair drier"], 72)
    prompt_layout(small_clip, ["dog", "old hair drier"], 71)
