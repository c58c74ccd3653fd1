"""The pass over images against a pass per variant and view; shards, resume, unreadable images."""

import numpy as np
import open_clip
import pytest
import torch
from PIL import Image
from torch.nn.functional import normalize

from lexiclip.clip.image_tower import encode_images
from lexiclip.errors import InputError
from lexiclip.images.preprocess import load_rgb, normalise, view_pixels
from lexiclip.images.windows import windows
from lexiclip.prompts.class_vectors import ClassVectors
from lexiclip.prompts.logits import score
from lexiclip.scoring import window_pass
from lexiclip.scoring.window_pass import read_scores, read_shards, score_images

NAMES = ["cat", "dog", "cow"]
D = 16


@pytest.fixture(scope="module")
def clip():
    torch.manual_seed(0)
    vision = {"image_size": 32, "layers": [1, 1, 1, 1], "width": 8, "patch_size": None}
    text = {"context_length": 77, "vocab_size": 100, "width": 16, "heads": 1, "layers": 1}
    return open_clip.CLIP(embed_dim=D, vision_cfg=vision, text_cfg=text).eval().requires_grad_(False)


@pytest.fixture(scope="module")
def texts():
    """Vectors of a variant with evidence and retrieval and of a plain one, and the captions of the first."""
    generator = torch.Generator().manual_seed(1)
    parts = [normalize(torch.randn(3, D, generator=generator), dim=1) for _ in range(5)]
    captions = normalize(torch.randn(30, D, generator=generator), dim=1)
    return {"best": ClassVectors(*parts[:3]), "ema": ClassVectors(*parts[3:], None)}, {"best": captions}


@pytest.fixture
def images(tmp_path):
    rng = np.random.default_rng(0)
    rows = []
    for i, size in enumerate([(40, 30), (20, 50), (9, 9), (64, 48), (31, 33)]):
        path = tmp_path / f"{i}.png"
        Image.fromarray(rng.integers(0, 256, (*size, 3), dtype=np.uint8)).save(path)
        rows.append((f"image {i}", path))
    return rows


def run(clip, images, texts, folder, **settings):
    settings = {"scales": (2,), "shapes": ("square",), "shard_images": 2, "batch_views": 24, **settings}
    return score_images(clip, images, *texts, NAMES, folder=folder, **settings)


def shard_bytes(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.glob("scores_*"))}


def slow_scores(clip, path, vectors, captions):
    """One view at a time, for one variant: rows of (global, local, retrieved, sim)."""
    image, rows = load_rgb(path), []
    for view in view_pixels(image, windows(*image.size, (2,), ("square",)), 32):
        global_, local = encode_images(clip, normalise(view[None]))
        logits = score(global_, local, vectors)
        nearest = sorted(captions, key=lambda caption: -float(global_[0] @ caption))[:10]
        mean = torch.stack(nearest).mean(0)
        sim = torch.stack([global_[0] @ caption for caption in nearest]).mean()
        rows.append((logits.global_[0], logits.local[0], 4 * mean @ vectors.global_.T, sim))
    return [torch.stack(column) for column in zip(*rows, strict=True)]


def test_one_pass_equals_a_pass_per_variant_and_view(clip, texts, images, tmp_path):
    assert run(clip, images, texts, tmp_path / "scores") == []
    vectors, captions = texts
    best, ema = (read_scores(tmp_path / "scores", variant) for variant in ("best", "ema"))
    assert best.ids == ema.ids == [image_id for image_id, _ in images]
    assert best.global_.shape == (5, 17, 3) and best.sims.shape == (5, 17)
    assert (ema.retrieved, ema.sims) == (None, None)
    for i, (_, path) in enumerate(images):
        expected = slow_scores(clip, path, vectors["best"], captions["best"])
        for found, slow in zip(best[1:], expected, strict=True):
            torch.testing.assert_close(found[i].float(), slow, rtol=2e-3, atol=2e-3)
        expected = slow_scores(clip, path, vectors["ema"], captions["best"])
        torch.testing.assert_close(ema.global_[i].float(), expected[0], rtol=2e-3, atol=2e-3)
        torch.testing.assert_close(ema.local[i].float(), expected[1], rtol=2e-3, atol=2e-3)


def test_each_view_is_encoded_once_for_all_variants(clip, texts, images, tmp_path, monkeypatch):
    sizes = []

    def counting(model, pixels):
        sizes.append(len(pixels))
        return encode_images(model, pixels)

    monkeypatch.setattr(window_pass, "encode_images", counting)
    run(clip, images, texts, tmp_path / "scores")
    assert sizes == [24, 10, 24, 10, 17]  # batches run across the two images of a shard, 17 views each


def test_workers_and_a_second_run_give_the_same_bytes(clip, texts, images, tmp_path):
    run(clip, images, texts, tmp_path / "a")
    run(clip, images, texts, tmp_path / "b", workers=2)
    assert shard_bytes(tmp_path / "a") == shard_bytes(tmp_path / "b")
    run(clip, images[::-1], texts, tmp_path / "c")
    assert shard_bytes(tmp_path / "a") != shard_bytes(tmp_path / "c")


def test_resume_scores_only_what_is_missing(clip, texts, images, tmp_path, monkeypatch):
    folder = tmp_path / "scores"
    run(clip, images, texts, folder)
    whole = shard_bytes(folder)
    (folder / "scores_00001.safetensors").unlink()
    calls = []
    monkeypatch.setattr(window_pass, "encode_images", lambda *a: calls.append(1) or encode_images(*a))
    run(clip, images, texts, folder)
    assert len(calls) == 2 and shard_bytes(folder) == whole
    run(clip, images, texts, folder, scales=(3,))  # other settings: nothing fits
    assert len(calls) > 4 and read_scores(folder, "best").global_.shape == (5, 37, 3)
    vectors, captions = texts
    changed = {**vectors, "ema": vectors["best"]._replace(evidence=None)}
    run(clip, images, (changed, captions), folder)
    torch.testing.assert_close(read_scores(folder, "ema").global_, read_scores(folder, "best").global_)


def test_ranks_share_the_shards(clip, texts, images, tmp_path):
    run(clip, images, texts, tmp_path / "one")
    for rank in range(2):
        run(clip, images, texts, tmp_path / "two", rank=rank, ranks=2)
    assert shard_bytes(tmp_path / "one") == shard_bytes(tmp_path / "two")


def test_shards_are_read_one_by_one(clip, texts, images, tmp_path):
    run(clip, images, texts, tmp_path / "scores")
    assert [len(shard.ids) for shard in read_shards(tmp_path / "scores", "ema")] == [2, 2, 1]


def test_unreadable_images_are_named_after_the_pass(clip, texts, images, tmp_path):
    folder = tmp_path / "scores"
    for i in (2, 4):
        images[i][1].write_bytes(b"no image")
    with pytest.raises(InputError, match=r"2 of 5 images cannot be read: .*2\.png.*4\.png") as error:
        run(clip, images, texts, folder)
    assert "\n" not in str(error.value)
    assert list(shard_bytes(folder)) == ["scores_00000.safetensors"]
    with pytest.raises(InputError, match=r"scores_00001.*score the images again"):
        read_scores(folder, "best")


def test_unreadable_images_are_skipped_where_allowed_and_tried_again(clip, texts, images, tmp_path):
    folder, intact = tmp_path / "scores", images[4][1].read_bytes()
    images[4][1].write_bytes(b"no image")
    left_out = run(clip, images, texts, folder, skip_unreadable=True)
    assert len(left_out) == 1 and "4.png" in left_out[0]
    assert read_scores(folder, "best").ids == [f"image {i}" for i in range(4)]
    images[4][1].write_bytes(intact)
    assert run(clip, images, texts, folder, skip_unreadable=True) == []
    assert len(read_scores(folder, "best").ids) == 5


def test_nothing_readable_is_an_error_even_when_skipping(clip, texts, tmp_path):
    with pytest.raises(InputError, match="1 of 1 images cannot be read"):
        run(clip, [("a", tmp_path / "none.jpg")], texts, tmp_path / "scores", skip_unreadable=True)


def test_whole_images_alone(clip, texts, images, tmp_path):
    run(clip, images, texts, tmp_path / "scores", scales=())
    assert read_scores(tmp_path / "scores", "best").global_.shape == (5, 1, 3)


def test_bad_input(clip, texts, images, tmp_path):
    with pytest.raises(InputError, match="no images"):
        run(clip, [], texts, tmp_path)
    with pytest.raises(InputError, match="image 0 is listed twice"):
        run(clip, [images[0], images[0]], texts, tmp_path)
    with pytest.raises(InputError, match=r"captions of .'diff'."):
        run(clip, images, (texts[0], {"diff": texts[1]["best"]}), tmp_path)
    run(clip, images[:1], texts, tmp_path / "scores")
    with pytest.raises(InputError, match="no scores of variant 'diff': it has best, ema"):
        read_scores(tmp_path / "scores", "diff")
    with pytest.raises(InputError, match=r"index\.json"):
        read_scores(tmp_path / "elsewhere", "best")
    (tmp_path / "scores" / "scores_00000.safetensors").write_bytes(b"broken")
    with pytest.raises(InputError, match="missing or damaged"):
        read_scores(tmp_path / "scores", "best")
    (tmp_path / "scores" / "index.json").write_text("[]")
    with pytest.raises(InputError, match="not an index"):
        read_scores(tmp_path / "scores", "best")
