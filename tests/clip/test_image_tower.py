"""The image tower against CLIP's own layers and attention pool, run in full; many views and one by one."""

import copy

import numpy as np
import open_clip
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from tests.threads import torch_threads

from lexiclip.clip.image_tower import dense_tower, encode_images, encode_views
from lexiclip.clip.normalisation import normalise
from lexiclip.errors import InputError

TEXT = {"context_length": 8, "vocab_size": 16, "width": 8, "heads": 1, "layers": 1}


def plain_features(clip, pixels):
    """Global feature by open_clip's own pool with its positions set to zero; local ones cell by cell."""
    grid = clip.visual.forward_intermediates(pixels, indices=1, intermediates_only=True)[
        "image_intermediates"
    ][0]
    pool = clip.visual.attnpool
    positions = pool.positional_embedding.data
    pool.positional_embedding.data = positions.new_zeros(grid[0, 0].numel() + 1, positions.shape[1])
    pooled = pool(grid)
    pool.positional_embedding.data = positions
    cells = [
        [
            pool.c_proj(pool.v_proj(image[:, row, column]))
            for row in range(grid.shape[2])
            for column in range(grid.shape[3])
        ]
        for image in grid
    ]
    return F.normalize(pooled, dim=-1), F.normalize(torch.stack([torch.stack(row) for row in cells]), dim=-1)


@pytest.mark.parametrize(("height", "width"), [(64, 64), (96, 160)])
def test_equals_the_full_attention_pool(exact_clip, height, width):
    generator = torch.Generator().manual_seed(1)
    pixels = torch.randn(3, 3, height, width, generator=generator, dtype=torch.float64)
    features = encode_images(exact_clip, pixels)
    global_, local = plain_features(exact_clip, pixels)
    assert features.local.shape == (3, height // 32 * (width // 32), 24)
    torch.testing.assert_close(features.global_, global_, rtol=0, atol=1e-12)
    torch.testing.assert_close(features.local, local, rtol=0, atol=1e-12)


@pytest.fixture(scope="module")
def trained_clip():
    """A float64 CLIP whose batch norms have seen other means and variances than 0 and 1."""
    vision = {"image_size": 64, "layers": [2, 1, 1, 2], "width": 8, "patch_size": None}
    with torch.random.fork_rng():
        torch.manual_seed(9)
        clip = open_clip.CLIP(embed_dim=24, vision_cfg=vision, text_cfg=TEXT).double()
        for module in clip.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.running_mean.normal_(0, 0.2)
                module.running_var.uniform_(0.3, 3)
                module.weight.data.uniform_(0.5, 1.5)
                module.bias.data.normal_(0, 0.2)
    return clip.eval().requires_grad_(False)


def test_folded_batch_norms_are_the_models_own_layers(trained_clip):
    generator = torch.Generator().manual_seed(2)
    pixels = torch.randn(3, 3, 64, 64, generator=generator, dtype=torch.float64)
    features, expected = encode_images(trained_clip, pixels), plain_features(trained_clip, pixels)
    unseen = copy.deepcopy(trained_clip)
    for module in unseen.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.reset_running_stats()
    for found, wanted, other in zip(features, expected, encode_images(unseen, pixels), strict=True):
        torch.testing.assert_close(found, wanted, rtol=0, atol=1e-12)
        assert (found - other).abs().max() > 0.01  # the statistics matter


def test_float64_views_are_encoded_as_if_alone_by_any_number_of_threads(trained_clip):
    generator = torch.Generator().manual_seed(3)
    views = torch.randint(256, (19, 3, 64, 64), generator=generator, dtype=torch.uint8)
    pixels = normalise(trained_clip.visual, views, torch.float64)
    alone = [encode_images(trained_clip, view[None]) for view in pixels]
    found = {}
    for count in (1, 2, 5):
        with torch_threads(count):
            found[count] = encode_views(trained_clip, views, bf16=False)
            assert torch.get_num_threads() == count
    for part, in_turn in enumerate(zip(*alone, strict=True)):
        torch.testing.assert_close(found[1][part], torch.cat(in_turn), rtol=0, atol=1e-12)
        assert all(torch.equal(found[1][part], found[count][part]) for count in (2, 5))


@pytest.mark.parametrize("bf16", [False, True])
def test_float32_views_are_one_batch(small_clip, exact_clip, bf16):
    generator = torch.Generator().manual_seed(3)
    views = torch.randint(256, (9, 3, 64, 64), generator=generator, dtype=torch.uint8)
    found, exact = (encode_views(clip, views, bf16=bf16) for clip in (small_clip, exact_clip))
    for part, expected in zip(found, exact, strict=True):
        assert part.dtype == torch.float32 and expected.dtype == torch.float64
        torch.testing.assert_close(part.double(), expected, rtol=0, atol=0.05 if bf16 else 1e-5)


def test_vit_patches_attend_to_themselves_alone(two_way_clip):
    visual = two_way_clip.visual
    pixels = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    features = encode_images(two_way_clip, pixels)
    (before,) = visual.forward_intermediates(pixels, indices=[0], output_fmt="NLC")["image_intermediates"]
    alone = torch.full((16, 16), float("-inf")).fill_diagonal_(0)
    patches = visual.ln_post(visual.transformer.resblocks[-1](before, attn_mask=alone)) @ visual.proj
    torch.testing.assert_close(features.local, F.normalize(patches, dim=-1), rtol=1e-4, atol=1e-5)
    expected = two_way_clip.encode_image(pixels, normalize=True)
    torch.testing.assert_close(features.global_, expected, rtol=1e-4, atol=1e-5)


@pytest.fixture(scope="module")
def convolutional_clip():
    vision = {"timm_model_name": "test_resnet", "timm_pool": "avg", "timm_proj": "linear", "image_size": 64}
    return open_clip.CLIP(embed_dim=24, vision_cfg=vision, text_cfg=TEXT).eval().requires_grad_(False)


def test_cells_of_a_convolutional_tower_average_to_its_pooled_feature(convolutional_clip):
    visual = convolutional_clip.visual
    pixels = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    pooled, cells = dense_tower(visual)(visual, pixels)
    assert cells.shape == (2, 4, 24)
    torch.testing.assert_close(cells.mean(1), pooled, rtol=1e-4, atol=1e-5)  # pool and head are linear
    torch.testing.assert_close(pooled, visual(pixels), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("own", [None, ((0.0,) * 3, (1.0,) * 3), ((0.1, 0.2, 0.3), (0.5, 0.6, 0.7))])
def test_views_are_normalised_as_the_model_was_trained(convolutional_clip, monkeypatch, own):
    """By OpenAI's mean and deviation where it has none of its own."""
    visual, mean, std = convolutional_clip.visual, *(own or (None, None))
    monkeypatch.setattr(visual, "image_mean", mean, raising=False)
    monkeypatch.setattr(visual, "image_std", std, raising=False)
    image = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    pixels = open_clip.image_transform(64, is_train=False, mean=mean, std=std)(Image.fromarray(image))[None]
    views = torch.from_numpy(image).permute(2, 0, 1)[None]
    torch.testing.assert_close(normalise(visual, views), pixels)
    exact = normalise(visual, views, torch.float64)
    torch.testing.assert_close(exact, pixels.double(), rtol=0, atol=1e-6)
    assert exact.dtype == torch.float64 and not torch.equal(exact, pixels.double())
    found, expected = encode_views(convolutional_clip, views, False).global_, visual(pixels)
    torch.testing.assert_close(found, F.normalize(expected, dim=-1), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "vision",
    [
        {"timm_model_name": "test_vit", "timm_pool": "", "timm_proj": "linear"},
        {"timm_model_name": "resnet18", "timm_pool": "rot_attn", "timm_proj": ""},
        {"layers": 1, "patch_size": 8, "width": 64},
        {"layers": 2, "patch_size": 8, "width": 64, "attentional_pool": True},
    ],
)
def test_a_tower_without_dense_features_is_refused(vision):
    clip = open_clip.CLIP(embed_dim=24, vision_cfg={"image_size": 64, **vision}, text_cfg=TEXT)
    with pytest.raises(InputError, match="has no dense features: choose a"):
        dense_tower(clip.visual)
