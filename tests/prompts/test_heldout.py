"""Average precision on held-out captions against loops, and what counts as a tie."""

import numpy as np
import pytest
import torch
from sklearn.metrics import average_precision_score

from lexiclip.clip.feature_store import open_store, write_store
from lexiclip.clip.loading import tokenize
from lexiclip.clip.text_tower import encode_texts
from lexiclip.prompts.class_vectors import class_vectors
from lexiclip.prompts.contexts import init_contexts
from lexiclip.prompts.heldout import HeldOut, as_metrics, caption_ap, caption_map
from lexiclip.prompts.logits import Logits, score

NAMES = ("dog", "cat", "kite", "cup")
TEXTS = [f"{start} {a} and a {b}." for start in ("a", "A", "one") for a in NAMES for b in NAMES[:3]]


@pytest.fixture(scope="module")
def store(exact_clip, tmp_path_factory):
    folder = tmp_path_factory.mktemp("store")
    write_store(folder, exact_clip, TEXTS)
    return open_store(folder)


@pytest.fixture
def heldout(store):
    """Labels at random: where texts tie, one has a label and another has not. "kite" does not count."""
    labels = (np.random.default_rng(0).random((len(TEXTS), 4)) < 0.3).astype(np.int8)
    labels[:, 3] = 0
    return HeldOut(store.rows(TEXTS), labels, np.array([True, True, False, True]))


@pytest.fixture
def vectors(exact_clip):
    return class_vectors(exact_clip, init_contexts(3, 32, evidence=True, seed=0), NAMES)


def test_equals_scoring_one_caption_at_a_time(exact_clip, store, heldout, vectors):
    scores = []
    for text in TEXTS:
        row = encode_texts(exact_clip, tokenize([text])).local.half().double()  # as the store has it
        logits = score(row[:, -1], row, vectors)
        scores.append((logits.global_ + 1.5 * logits.local).float()[0].numpy())
    found = caption_ap(store, heldout, vectors, local_weight=1.5)
    expected = [average_precision_score(heldout.labels[:, k], np.stack(scores)[:, k]) for k in (0, 1)]
    np.testing.assert_allclose(found[:2], expected, rtol=0, atol=1e-12)
    assert np.isnan(found[2:]).all()  # one does not count, the other is in no caption
    mean = round(100 * np.mean(caption_ap(store, heldout, vectors)[:2]), 2)
    assert caption_map(store, heldout, vectors) == mean
    assert as_metrics(found, NAMES)["per_class"] == {
        name: round(100 * value, 2) for name, value in zip(NAMES, expected, strict=False)
    }


def test_texts_of_the_same_tokens_tie_whatever_the_last_bits(store, heldout, vectors, monkeypatch):
    expected, noise = caption_ap(store, heldout, vectors), np.random.default_rng(1)

    def noisy_score(*given):
        shaken = (
            part * (1 + 1e-14 * torch.from_numpy(noise.normal(size=part.shape))) for part in score(*given)
        )
        return Logits(*shaken)

    monkeypatch.setattr("lexiclip.prompts.heldout.score", noisy_score)
    for _ in range(5):
        np.testing.assert_array_equal(caption_ap(store, heldout, vectors), expected)
    monkeypatch.setattr("lexiclip.prompts.heldout.rounded", lambda values: values)
    assert (caption_ap(store, heldout, vectors) != expected)[:2].any()
