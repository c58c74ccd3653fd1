"""The pass over images against a pass per variant and view; resume, ranks, odd and unreadable images."""

import copy
import json
import weakref
from functools import partial

import numpy as np
import pytest
import torch
from numpy.testing import assert_equal
from tests.scoring.small_pass import read_scores, run, small_clip, small_texts, write_images

from lexiclip.clip.image_tower import encode_images, encode_views
from lexiclip.clip.normalisation import normalise
from lexiclip.errors import InputError
from lexiclip.images import views
from lexiclip.images.views import load_rgb, view_pixels
from lexiclip.images.windows import windows
from lexiclip.prompts.class_vectors import class_vectors
from lexiclip.prompts.contexts import Contexts
from lexiclip.prompts.logits import score
from lexiclip.scoring import window_pass
from lexiclip.scoring.retrieval import caption_sets
from lexiclip.scoring.window_pass import score_features


@pytest.fixture(scope="module")
def clip():
    return small_clip()


@pytest.fixture(scope="module")
def texts():
    return small_texts()


@pytest.fixture
def images(tmp_path):
    return write_images(tmp_path, 5)


def shard_bytes(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.glob("scores_*"))}


def slow_scores(clip, path, vectors, captions):
    """One view at a time, for one variant, in float64: rows of (global, local, retrieved, sim)."""
    vectors, captions, image, rows = vectors.to(torch.float64), captions.double(), load_rgb(path), []
    for view in view_pixels(image, windows(*image.size, (2,), ("square",)), 32):
        global_, local = encode_images(clip, normalise(clip.visual, view[None], torch.float64))
        logits = score(global_, local, vectors)
        nearest = sorted(captions, key=lambda caption: -float(global_[0] @ caption))[:10]
        mean = torch.stack(nearest).mean(0)
        sim = torch.stack([global_[0] @ caption for caption in nearest]).mean()
        rows.append((logits.global_[0], logits.local[0], 4 * mean @ vectors.global_.T, sim))
    return [torch.stack(column).numpy() for column in zip(*rows, strict=True)]


def assert_stored(found, expected):
    """Equal but for the rounding to float16: half of its last bit."""
    np.testing.assert_allclose(found.astype(float), expected, rtol=1.01 * 2**-11, atol=2**-25)


def test_one_pass_equals_a_pass_per_variant_and_view(clip, texts, images, tmp_path):
    assert run(clip, images, texts, tmp_path / "scores") == []
    captions = texts.captions.features
    best, ema = (read_scores(tmp_path / "scores", variant) for variant in ("best", "ema"))
    assert best.ids == ema.ids == [image_id for image_id, _ in images]
    assert best.global_.shape == (5, 17, 3) and best.sims.shape == (5, 17)
    assert (ema.retrieved, ema.sims) == (None, None)
    for i, (_, path) in enumerate(images):
        expected = slow_scores(clip, path, texts.vectors["best"], captions)
        for found, slow in zip(best[1:], expected, strict=True):
            assert_stored(found[i], slow)
        expected = slow_scores(clip, path, texts.vectors["ema"], captions)
        assert_stored(ema.global_[i], expected[0])
        assert_stored(ema.local[i], expected[1])


def test_each_view_is_encoded_once_for_all_variants(clip, texts, images, tmp_path, monkeypatch):
    sizes = []

    def counting(model, views, bf16):
        sizes.append(len(views))
        return encode_views(model, views, bf16)

    monkeypatch.setattr(window_pass, "encode_views", counting)
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
    monkeypatch.setattr(window_pass, "encode_views", lambda *a: calls.append(1) or encode_views(*a))
    run(clip, images, texts, folder)
    assert len(calls) == 2 and shard_bytes(folder) == whole
    run(clip, images, texts, folder, scales=(3,))  # other settings: nothing fits
    assert len(calls) > 4 and read_scores(folder, "best").global_.shape == (5, 37, 3)
    changed = {**texts.vectors, "ema": texts.vectors["best"]._replace(evidence=None)}
    run(clip, images, texts._replace(vectors=changed), folder)
    assert_equal(read_scores(folder, "ema").global_, read_scores(folder, "best").global_)


def test_two_shares_are_what_one_process_writes(clip, texts, images, tmp_path):
    run(clip, images, texts, tmp_path / "two", share=(1, 2))
    assert list(shard_bytes(tmp_path / "two")) == ["scores_00001.safetensors"]
    run(clip, images, texts, tmp_path / "two", share=(0, 2))
    run(clip, images, texts, tmp_path / "one")
    assert (
        shard_bytes(tmp_path / "two") == shard_bytes(tmp_path / "one")
        and len(shard_bytes(tmp_path / "two")) == 3
    )


@pytest.mark.parametrize("bf16", [False, True])
def test_float32_scores_are_near_those_of_float64(clip, texts, images, tmp_path, monkeypatch, bf16):
    monkeypatch.setattr(window_pass, "tower_pays_in_bf16", lambda found, _: bf16 and found is not clip)
    run(clip, images, texts, tmp_path / "exact")
    run(copy.deepcopy(clip).float(), images, texts, tmp_path / "fast")
    scores = [read_scores(tmp_path / folder, "best")[1:] for folder in ("exact", "fast")]
    for expected, found in zip(*scores, strict=True):
        assert found.dtype == np.float16
        # float16 has 11 bits; a tower in bf16 computes with 8
        atol = 0.05 if bf16 else 4 * 2**-10
        np.testing.assert_allclose(found.astype(float), expected.astype(float), rtol=0, atol=atol)


def test_views_cut_in_batch_are_scored_alike(clip, texts, images, tmp_path, monkeypatch):
    """A GPU cuts the views itself; here the CPU stands in for it."""
    run(clip, images, texts, tmp_path / "workers", workers=2)
    in_batch = partial(views.load_views, gpu=torch.device("cpu"))
    monkeypatch.setattr(window_pass, "load_views", lambda *arguments: in_batch(*arguments[:-1]))
    run(clip, images, texts, tmp_path / "batch")
    expected, found = (read_scores(tmp_path / folder, "best") for folder in ("workers", "batch"))
    assert found.ids == expected.ids
    for field, wanted in zip(found[1:], expected[1:], strict=True):
        np.testing.assert_allclose(field.astype(float), wanted.astype(float), rtol=0, atol=2e-2)


def test_views_in_memory_do_not_grow_with_the_images(clip, texts, tmp_path, monkeypatch):
    images, alive, most = write_images(tmp_path, 12), weakref.WeakSet(), []

    def watched(*arguments):
        views = view_pixels(*arguments)
        alive.add(views)
        most.append(len(alive))
        return views

    monkeypatch.setattr(views, "view_pixels", watched)
    run(clip, images, texts, tmp_path / "scores", batch_views=17)
    assert len(most) == 12 and max(most) <= 3


def test_golden_logits_from_what_is_stored(shared_files, openai_clip):
    """Half the stored global score and half the retrieved one are the reference's logits with retrieval."""
    for path in shared_files("golden/golden_*.npz"):
        golden = {key: torch.from_numpy(np.asarray(value)) for key, value in np.load(path).items()}
        clip = openai_clip(path.with_name(path.stem.replace("golden", "clip_random") + ".pt"))
        names = json.loads(path.with_suffix(".json").read_text())["classnames"]
        contexts = [golden[key] for key in ("ctx", "ctx_double", "ctx_evidence")]
        vectors = {
            "noev": class_vectors(clip, Contexts(*contexts[:2], None), names),
            "ev": class_vectors(clip, Contexts(*contexts), names),
        }
        captions = golden["caption_features"]
        sets = caption_sets(captions, dict.fromkeys(vectors, range(len(captions))))
        scores = score_features(encode_images(clip, golden["image"]), vectors, sets)
        for variant in vectors:
            stored, retrieved = scores[f"{variant}.global"], scores[f"{variant}.retrieved"]
            expected = {
                "global": (stored + retrieved) / 2, "local": scores[f"{variant}.local"]
            }  # fmt: skip
            for branch, found in expected.items():
                wanted = golden[f"{variant}_image_{branch}_logits"].float()
                torch.testing.assert_close(found, wanted, rtol=0, atol=1e-4 * float(wanted.abs().max()))
            sims = golden[f"{variant}_image_topk_sims"].mean(-1)
            torch.testing.assert_close(scores[f"{variant}.sims"], sims, rtol=1e-4, atol=0)


def test_unreadable_images_are_named_or_skipped_and_tried_again(clip, texts, images, tmp_path):
    folder, intact = tmp_path / "scores", images[4][1].read_bytes()
    images[4][1].write_bytes(b"no image")
    said = r"1 of 5 images cannot be read: .*4\.png.*set windows\.skip_unreadable: true"
    with pytest.raises(InputError, match=said) as error:
        run(clip, images, texts, folder)
    assert "\n" not in str(error.value) and len(shard_bytes(folder)) == 2
    with pytest.raises(InputError, match=r"scores_00002.*score the images again"):
        read_scores(folder, "best")
    (left_out,) = run(clip, images, texts, folder, skip_unreadable=True)
    assert "4.png" in left_out and read_scores(folder, "best").ids == [f"image {i}" for i in range(4)]
    images[4][1].write_bytes(intact)
    assert run(clip, images, texts, folder, skip_unreadable=True) == []
    assert len(read_scores(folder, "best").ids) == 5


def test_bad_input(clip, texts, images, tmp_path):
    for listed, said in (
        ([], "no images"),
        ([("a", tmp_path / "none.jpg")], "1 of 1 images cannot be read"),
    ):
        with pytest.raises(InputError, match=said):
            run(clip, listed, texts, tmp_path / "scores", skip_unreadable=True)
