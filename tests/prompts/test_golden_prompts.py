"""Towers, logits, losses and the moving average equal the reference modules (METHOD §9)."""

import pytest
import torch

from lexiclip.clip.image_tower import encode_images
from lexiclip.clip.text_tower import encode_texts
from lexiclip.prompts.class_vectors import class_vectors
from lexiclip.prompts.contexts import Contexts
from lexiclip.prompts.logits import Logits, score
from lexiclip.prompts.losses import cooccurrence_weights, distillation_loss, ranking_loss
from lexiclip.prompts.steps import ema_update

BRANCHES = {"global_": "ctx", "local": "ctx_double", "evidence": "ctx_evidence"}


def contexts(values, evidence, suffix="") -> Contexts:
    """The reference's contexts by branch."""
    found = {branch: values[key + suffix] for branch, key in BRANCHES.items()}
    return Contexts(**found) if evidence else Contexts(**{**found, "evidence": None})


def assert_close(actual, expected):
    """1e-4 of the largest expected number."""
    tolerance = 1e-4 * float(expected.abs().max())
    torch.testing.assert_close(actual.double(), expected.double(), rtol=0, atol=tolerance)


def text_mask(lengths, longest):
    return torch.arange(longest) < lengths[:, None]


@pytest.mark.parametrize(("prefix", "evidence"), [("noev", False), ("ev", True)])
def test_image_logits(golden, prefix, evidence):
    for clip, values, names in golden:
        images = encode_images(clip, values["image"])
        assert_close(images.global_, values["image_global_feature"])
        sims, nearest = (images.global_ @ values["caption_features"].T).topk(10)
        assert_close(sims, values[f"{prefix}_image_topk_sims"])
        retrieved = (images.global_ + values["caption_features"][nearest].mean(dim=1)) / 2
        vectors = class_vectors(clip, contexts(values, evidence), names)
        logits = score(retrieved, images.local, vectors)
        assert_close(logits.global_, values[f"{prefix}_image_global_logits"])
        assert_close(logits.local, values[f"{prefix}_image_local_logits"])


@pytest.mark.parametrize(("prefix", "evidence"), [("noev", False), ("ev", True)])
@pytest.mark.parametrize(("suffix", "end"), [("", ""), ("_ema_after", "_ema")])
def test_text_logits(golden, prefix, evidence, suffix, end):
    for clip, values, names in golden:
        texts = encode_texts(clip, values["tokens"])
        vectors = class_vectors(clip, contexts(values, evidence, suffix), names)
        logits = score(texts.global_, texts.local, vectors, text_mask(texts.lengths, texts.local.shape[1]))
        assert_close(logits.global_, values[f"{prefix}_text_global_logits{end}"])
        assert_close(logits.local, values[f"{prefix}_text_local_logits{end}"])


def test_losses(golden):
    for _, values, _ in golden:
        logits, labels = values["loss_logits"], values["loss_labels"]
        weights = cooccurrence_weights(values["loss_cooccurrence"])
        assert_close(ranking_loss(logits, labels), values["ranking_loss"])
        assert_close(ranking_loss(2 * logits, labels), values["ranking_loss_scale2"])
        assert_close(ranking_loss(logits, labels, weights), values["ranking_loss_cooccurrence"])
        student, average = logits, values["loss_logits_ema"]
        assert_close(distillation_loss(Logits(student, student), Logits(average, student)), values["kl"])


def test_moving_average(golden):
    for _, values, _ in golden:
        moved = ema_update(contexts(values, True, "_ema_before"), contexts(values, True), 0.995)
        for actual, expected in zip(moved, contexts(values, True, "_ema_after"), strict=True):
            assert_close(actual, expected)
