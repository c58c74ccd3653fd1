"""Models as large as they really are, with random weights: shapes and finite values, one image each."""

import pytest
import torch

from lexiclip.clip.image_tower import encode_images
from lexiclip.clip.loading import build_clip, preprocess_size
from lexiclip.clip.text_tower import text_width
from lexiclip.prompts.class_vectors import class_vectors
from lexiclip.prompts.contexts import init_contexts


@pytest.mark.parametrize(
    ("model", "size", "cells", "dim"),
    [
        ("RN50", 224, 7 * 7, 1024),
        ("RN101", 224, 7 * 7, 512),
        ("RN50x4", 288, 9 * 9, 640),
        ("ViT-B-32", 224, 7 * 7, 512),
        ("ViT-B-16", 224, 14 * 14, 512),
        ("MobileCLIP-S1", 256, 8 * 8, 512),
        ("convnext_base", 224, 7 * 7, 512),
    ],
)
@pytest.mark.slow
@torch.inference_mode()
def test_shapes_and_finite_values(model, size, cells, dim):
    clip = build_clip(model, "random")
    assert preprocess_size(clip) == size
    features = encode_images(clip, torch.randn(1, 3, size, size))
    contexts = init_contexts(16, text_width(clip), evidence=True, seed=0)
    vectors = class_vectors(clip, contexts, ["dog", "traffic light"])
    expected = [(1, dim), (1, cells, dim), *[(2, dim)] * 3]
    for part, shape in zip([*features, *vectors], expected, strict=True):
        assert part.shape == shape
        torch.testing.assert_close(part.norm(dim=-1), torch.ones(shape[:-1]))  # a NaN is not 1
