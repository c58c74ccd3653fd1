"""Predictions from random prompts: the pipeline's own scores, any class name, bad photos, heat maps."""

import json
import os

import numpy as np
import pytest
import torch
from PIL import Image
from tests.random_prompts import write_clip

from lexiclip.errors import InputError
from lexiclip.heatmap import heat_of_cells, small, with_heat
from lexiclip.images.windows import Box
from lexiclip.params import PROTOTYPES
from lexiclip.predict import encode_photos, label, load_study, predict, windows_of
from lexiclip.prompts.class_vectors import class_vectors
from lexiclip.prompts.contexts import init_contexts
from lexiclip.scoring.ensemble import mean_standardised, ours
from lexiclip.scoring.fusion import fuse_variant
from lexiclip.scoring.retrieval import caption_sets
from lexiclip.scoring.window_pass import Texts, Windows, score_images


@pytest.fixture(scope="module")
def study(project):
    return load_study(project / "models/prompts")


@pytest.fixture(scope="module")
def ema(study):
    """The same with one variant."""
    return study._replace(vectors={"ema": study.vectors["ema"]}, mask=study.mask[:1])


def test_the_studys_own_classes_get_the_pipelines_scores(study, photos, tmp_path):
    assert study.names == ("dog", "couch", "traffic light", "cup") and list(study.vectors)[-1] == PROTOTYPES
    found = list(predict(study, photos))
    images = [(photo.stem, photo) for photo in photos]
    texts = Texts(study.names, study.vectors, caption_sets(torch.empty(0, 32), {}))
    score_images(study.clip, images, texts, study.windows, tmp_path)
    fused = []
    for variant in study.vectors:
        fused.append(fuse_variant(tmp_path, variant, np.zeros((4, 4)), **study.fusing[variant]).windows)
    mean = mean_standardised(np.stack(fused[:-1]), np.ones((4, 4), dtype=bool))
    expected = ours(mean, fused[-1], np.ones((4, 4)) - np.eye(4))
    for photo, path, scores in zip(found, photos, expected, strict=True):
        assert photo.image == str(path) and photo.scores == sorted(photo.scores, reverse=True)
        by_name = dict(zip(photo.labels, photo.scores, strict=True))
        assert [by_name[name] for name in study.names] == pytest.approx(scores.tolist(), abs=1e-4)


def test_own_classes_compete_with_the_vocabularys_others(project, photos):
    study = load_study(project / "models/prompts", ["tram", "sofa", "dog"])
    assert study.names == ("tram", "sofa", "dog", "traffic light", "cup") and study.shown == 3
    assert list(study.vectors) == ["zero_shot", "best", "ema"]  # a mean caption serves its own classes alone
    clip, contexts = study.clip, init_contexts(4, 32, evidence=True, seed=1)
    alone = class_vectors(clip, contexts, ["tram"])
    for part, expected in zip(study.vectors["best"], alone, strict=True):
        torch.testing.assert_close(part[:1], expected, rtol=0, atol=1e-12)
    assert set(next(predict(study, photos[:1])).labels) == {"tram", "sofa", "dog"}


def test_one_variant_by_its_file(project):
    assert list(load_study(project / "models/prompts/best.safetensors").vectors) == ["best"]
    with pytest.raises(InputError, match="choose a tuned variant"):
        load_study(project / "models/prompts/caption_mean.safetensors", ["tram"])


def test_other_views_keep_the_rest_of_the_studys_windows():
    default = Windows([2, 3], ["1x2"], exif=False)
    assert windows_of("default", default) == default
    assert windows_of("fast", default) == Windows([2], ["square"], exif=False)


def test_labels_are_held_present_from_the_threshold_on(ema, photos):
    (half,), (none,) = (list(predict(ema, photos[:1], threshold)) for threshold in (0.5, 1.0))
    assert half.present == [name for name, p in zip(half.labels, half.probabilities, strict=True) if p >= 0.5]
    assert none == half._replace(present=[])
    photo = next(encode_photos(ema, photos[:1]))
    assert label(ema, photo, half.probabilities[1]).present == half.labels[:2]
    by_name = dict(zip(half.labels, half.probabilities, strict=True))
    scores = np.array([dict(zip(half.labels, half.scores, strict=True))[name] for name in ema.names])
    expected = ema.probabilities(scores[None])[0]
    assert [by_name[name] for name in ema.names] == pytest.approx(expected.tolist(), abs=2e-4)


def test_worker_processes_change_nothing_and_photos_come_one_by_one(ema, photos):
    assert list(predict(ema._replace(workers=2), photos)) == list(predict(ema, photos))
    assert [photo.path for photo in encode_photos(ema, photos[1:])] == photos[1:]
    first = next(encode_photos(ema, photos))
    assert first.image.size == (90, 60) and first.boxes[0] == Box(0, 0, 60, 90)
    assert len(first.boxes) == len(first.features.local) == 17


def test_prompts_of_another_clip_or_precision_are_refused(project, tmp_path):
    for name in ("words.yaml", "models"):
        (tmp_path / name).symlink_to(project / name)
    params = json.loads((project / "params.yaml").read_text())
    (tmp_path / "params.yaml").write_text(json.dumps(params | {"precision": "fast"}))
    with pytest.raises(InputError, match=r"precision exact, params\.yaml says fast: train the variant again"):
        load_study(tmp_path / "models/prompts")
    (tmp_path / "params.yaml").write_text(json.dumps(params))
    (tmp_path / "models").unlink()
    write_clip(tmp_path, embed_dim=16)
    (tmp_path / "models/prompts").symlink_to(project / "models/prompts")
    with pytest.raises(InputError, match=r"zero_shot\.safetensors: made with CLIP"):
        load_study(tmp_path / "models/prompts")


def test_unreadable_photos_are_named_after_the_others(ema, photos):
    found = predict(ema, ["absent.jpg", photos[0], __file__])
    assert next(found).image == str(photos[0])
    with pytest.raises(InputError, match=r"^2 of 3 photos could not be read: absent\.jpg: .*not a readable"):
        next(found)
    with pytest.raises(InputError, match="give at least one image file"):
        next(predict(ema, []))


def test_a_name_that_is_no_utf8_is_given_as_text(ema, photos, tmp_path):
    path = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.png")
    os.link(photos[0], path)
    assert next(predict(ema, [path])).image == f"{tmp_path}/caf\ufffd.png"


def test_heat_lies_where_the_views_saw_it():
    boxes = [Box(0, 0, 40, 80), Box(0, 60, 40, 40)]  # the second reaches 20 pixels past the right edge
    cells = np.zeros((2, 4, 2))
    cells[0, 1, 0] = 4.0  # whole image, its square is x 20..60: upper right cell, class 0
    cells[1, :, 1] = 2.0  # window, all cells, class 1
    heat = heat_of_cells(cells, boxes, (80, 40))
    assert heat.shape == (2, 40, 80)
    assert heat[0].argmax() == heat[0, 0, :60].argmax() and heat[0, 0, 59] == 4  # upper right of that square
    np.testing.assert_allclose(heat[1, :, 60:], 2, rtol=1e-12)
    assert heat[1, :, :60].sum() == 0


def test_heat_is_bright_where_it_is_and_the_frame_is_drawn():
    photo, heat = Image.new("RGB", (200, 100), (90, 90, 90)), np.zeros((50, 100))
    heat[10:40, 60:90] = 1.0
    mixed = with_heat(photo, heat, 1.0, Box(top=20, left=20, height=40, width=60))
    assert mixed.size == (100, 50)
    pixels = np.asarray(mixed).sum(2)
    assert pixels[25, 75] > 1.5 * pixels[25, 30]
    white = np.asarray(mixed).min(2) == 255
    assert white[10, 10:39].all() and white[10:29, 10].all() and not white[20, 25] and not white[:, 45:].any()
    past = np.asarray(with_heat(photo, heat, 1.0, Box(top=50, left=100, height=80, width=120)))
    assert (past[49, 55:] == 255).all() and (past[30:, 99] == 255).all(), "a frame past the edge is cut"


@pytest.mark.parametrize("size", [(10, 1000), (3000, 3)])
def test_a_frame_in_a_narrow_photo_is_at_least_a_pixel(size):
    photo = Image.new("RGB", size)
    drawn = small(photo).size
    frames = [Box(0, 0, 1, 1), Box(size[1] // 2, size[0] // 2, 1, 1), Box(size[1] - 1, size[0] - 1, 1, 1)]
    for frame in frames:
        mixed = with_heat(photo, np.zeros(drawn[::-1]), 1.0, frame)
        assert mixed.size == drawn and (np.asarray(mixed) == 255).all(2).any()
