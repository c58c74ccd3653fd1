"""Predictions from random prompts: the pipeline's own scores, any class name, bad input, heat maps."""

import json
import sys
from functools import partial

import numpy as np
import pytest
import torch
import yaml
from PIL import Image
from tests.clones import committed
from tests.random_prompts import write_clip, write_prompts

from lexiclip import cli
from lexiclip import predict as predicting
from lexiclip.errors import InputError
from lexiclip.heatmap import find, heat_of_cells, with_heat
from lexiclip.images import views
from lexiclip.images.windows import Box
from lexiclip.predict import encode_photos, load_study, predict
from lexiclip.prompts.class_vectors import class_vectors
from lexiclip.prompts.contexts import init_contexts
from lexiclip.scoring.ensemble import mean_standardised
from lexiclip.scoring.fusion import fuse_variant
from lexiclip.scoring.retrieval import caption_sets
from lexiclip.scoring.window_pass import Texts, Windows, score_images

CLASSES = {"dog": ["puppy"], "couch": ["sofa"], "traffic light": [], "zebra": [], "cup": ["mug"]}


@pytest.fixture(scope="session")
def project(tmp_path_factory):
    """A project whose CLIP and prompts are random: zero_shot, caption_mean, best (evidence), ema (none)."""
    root = tmp_path_factory.mktemp("project")
    params = yaml.safe_load(committed("params.yaml"))
    params |= {"precision": "exact", "vocabulary": {"file": "words.yaml", "without": ["zebra"]}}
    params["windows"] |= {"scales": [2], "workers": 0}
    params["ensemble"] |= {
        "variants": ["zero_shot", "caption_mean", "best", "ema"],
        "rule": "class_advantage",
    }
    for name, content in {"params.yaml": params, "words.yaml": {"classes": CLASSES}}.items():
        (root / name).write_text(json.dumps(content))  # JSON is YAML
    write_prompts(root, [name for name in CLASSES if name != "zebra"])
    return root


@pytest.fixture(scope="session")
def photos(tmp_path_factory):
    """Five photos of different kinds and shapes."""
    folder, generator = tmp_path_factory.mktemp("photos"), np.random.default_rng(0)
    for number, (width, height) in enumerate([(90, 60), (60, 90), (64, 64), (200, 40), (7, 5)]):
        pixels = generator.integers(0, 255, (height, width, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")
    return sorted(folder.iterdir())


@pytest.fixture(scope="session")
def study(project):
    return load_study(project / "models/prompts")


@pytest.fixture(scope="session")
def ema(study):
    """The same with one variant."""
    return study._replace(vectors={"ema": study.vectors["ema"]})


@pytest.fixture
def run(monkeypatch, capsys, project):
    def run(*arguments):
        monkeypatch.chdir(project)
        monkeypatch.setattr(sys, "argv", ["lexiclip", "predict", *map(str, arguments)])
        cli.main()
        return capsys.readouterr().out

    return run


def test_the_studys_own_classes_get_the_pipelines_scores(study, photos, tmp_path):
    assert study.names == ("dog", "couch", "traffic light", "cup") and len(study.vectors) == 4
    found = predict(study, photos)
    images = [(photo.stem, photo) for photo in photos]
    texts = Texts(study.names, study.vectors, caption_sets(torch.empty(0, 32), {}))
    score_images(study.clip, images, texts, Windows([2], study.params.windows.shapes), tmp_path)
    fused = []
    for variant in study.vectors:
        how = study.params.fusing(variant) | {"retrieval": False, "companion_weight": 0.0}
        fused.append(fuse_variant(tmp_path, variant, np.zeros((4, 4)), **how).windows)
    expected = mean_standardised(np.stack(fused), np.ones((4, 4), dtype=bool))
    for photo, path, scores in zip(found, photos, expected, strict=True):
        assert photo.image == str(path) and photo.scores == sorted(photo.scores, reverse=True)
        by_name = dict(zip(photo.labels, photo.scores, strict=True))
        assert [by_name[name] for name in study.names] == pytest.approx(scores.tolist(), abs=1e-4)


def test_own_classes_compete_with_the_vocabularys_others(project, photos):
    study = load_study(project / "models/prompts", ["tram", "sofa", "dog", "tram"])
    assert study.names == ("tram", "sofa", "dog", "traffic light", "cup") and study.shown == 3
    assert list(study.vectors) == ["zero_shot", "best", "ema"]  # a mean caption serves its own classes alone
    clip, contexts = study.clip, init_contexts(4, 32, evidence=True, seed=1)
    alone = class_vectors(clip, contexts, ["tram"])
    for part, expected in zip(study.vectors["best"], alone, strict=True):
        torch.testing.assert_close(part[:1], expected, rtol=0, atol=1e-12)
    assert set(predict(study, photos[:1])[0].labels) == {"tram", "sofa", "dog"}


def test_one_variant_by_its_file(project):
    assert list(load_study(project / "models/prompts/best.safetensors").vectors) == ["best"]
    with pytest.raises(InputError, match="choose a tuned variant"):
        load_study(project / "models/prompts/caption_mean.safetensors", ["tram"])


def test_a_photo_is_decoded_once_and_encoded_once_heat_map_included(run, photos, tmp_path, monkeypatch):
    counts = dict.fromkeys(("load_rgb", "view_pixels", "encode_views"), 0)

    def counting(name, function, *arguments, **how):
        counts[name] += 1
        return function(*arguments, **how)

    for module, name in ((views, "load_rgb"), (views, "view_pixels"), (predicting, "encode_views")):
        monkeypatch.setattr(module, name, partial(counting, name, getattr(module, name)))
    alone = run(*photos[:3], "--json")
    assert set(counts.values()) == {3}
    assert run(*photos[:3], "--json", "--heatmap", tmp_path / "map.png") == alone
    assert set(counts.values()) == {6}


def test_worker_processes_change_nothing_and_photos_come_one_by_one(ema, photos):
    params = ema.params.windows.model_copy(update={"workers": 2})
    study = ema._replace(params=ema.params.model_copy(update={"windows": params}))
    assert predict(study, photos) == predict(ema, photos)
    assert [photo.path for photo in encode_photos(ema, photos[1:])] == photos[1:]
    first = next(encode_photos(ema, photos))
    assert (first.image.size, len(first.boxes), first.boxes[0]) == (
        (90, 60),
        len(first.features.local),
        Box(0, 0, 60, 90),
    )


def test_json_has_a_line_a_photo_and_the_table_a_block(run, photos):
    rows = [json.loads(line) for line in run(*photos[:2], "--json").splitlines()]
    assert [row["image"] for row in rows] == list(map(str, photos[:2]))
    assert all(list(row) == ["image", "labels", "scores"] and len(row["labels"]) == 4 for row in rows)
    lines = run(photos[0], "--classes", 'tram, "horse, brown", Straßenbahn 電車').splitlines()
    assert lines[0] == str(photos[0])
    assert {line.split("  ")[-1] for line in lines[1:]} == {"tram", "horse, brown", "Straßenbahn 電車"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["{page}"], "page.jpg: not a readable image"),
        (["{photo}", "absent.jpg", "{page}"], "2 of 3 photos cannot be read"),
        (["{photo}", "--classes", " , "], "expected at least one name"),
        (["{photo}", "--classes", "tram " * 100], "shorten the name"),
        (["{photo}", "--heatmap", "/proc/none/map.png"], "cannot be written"),
        (["{photo}", "--heatmap", "{page}/map.png"], "cannot be written"),
        (["{photo}", "--heatmap", "map.gif"], "a heat map is a .png"),
        ([*["{photo}"] * 21, "--heatmap", "map.png"], "21 photos in one heat map"),
        (["{photo}", "--profile-of", "models/other"], "run `dvc pull` (or `make repro`"),
        (["{photo}", "--profile-of", "models/prompts/zema.safetensors"], "run `dvc pull` (or `make repro`"),
        (["{photo}", "--profile-of", "/models/prompts"], "no params.yaml above it"),
        (["{photo}", "--profile-of", "words.safetensors"], "no variant of params.yaml"),
    ],
)
def test_bad_input_is_told_in_one_line(run, capsys, project, photos, tmp_path, arguments, said):
    (tmp_path / "page.jpg").write_text("<!DOCTYPE html> not found")
    (project / "words.safetensors").touch()
    arguments = [text.format(photo=photos[0], page=tmp_path / "page.jpg") for text in arguments]
    with pytest.raises(SystemExit) as ended:
        run(*arguments)
    streams = capsys.readouterr()
    assert ended.value.code == 1 and not streams.out
    assert said in streams.err and streams.err.count("\n") == 1


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


def test_unreadable_photos_are_skipped_where_params_say_so(ema, photos, tmp_path, capsys):
    windows_params = ema.params.windows.model_copy(update={"skip_unreadable": True})
    study = ema._replace(params=ema.params.model_copy(update={"windows": windows_params}))
    assert len(predict(study, [tmp_path / "absent.jpg", photos[0]])) == 1
    assert "skipped: " in capsys.readouterr().err
    with pytest.raises(InputError, match="1 of 1 photos"):
        predict(study, [tmp_path / "absent.jpg"])


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


def test_cells_and_views_are_standardised(ema, photos):
    photo = next(encode_photos(ema, photos))
    found = find(ema, photo.features)
    assert found.cells.shape == (len(photo.boxes), 4, 4) and found.views.shape == (len(photo.boxes), 4)
    for part in found:
        np.testing.assert_allclose(part.mean(-1), 0, atol=1e-9)
        np.testing.assert_allclose(part.std(-1, ddof=1), 1, rtol=1e-9)


def test_the_heat_map_is_a_png_of_rows_and_columns(run, photos, tmp_path):
    path = tmp_path / "new/map.png"
    run(*photos[:2], "--classes", "tram, $x_1$, 電車", "--heatmap", path)
    assert Image.open(path).size == (1080, 540)
    assert [child.name for child in path.parent.iterdir()] == ["map.png"]


def test_heat_is_bright_where_it_is_and_the_frame_is_drawn():
    photo, heat = Image.new("RGB", (200, 100), (90, 90, 90)), np.zeros((50, 100))
    heat[10:40, 60:90] = 1.0
    mixed = with_heat(photo, heat, 1.0, Box(top=20, left=20, height=40, width=60))
    assert mixed.size == (100, 50)
    pixels = np.asarray(mixed).sum(2)
    assert pixels[25, 75] > 1.5 * pixels[25, 30]
    white = np.asarray(mixed).min(2) == 255
    assert white[10, 10:39].all() and white[10:29, 10].all() and not white[20, 25] and not white[:, 45:].any()


def test_a_frame_past_the_edge_is_cut():
    mixed = with_heat(Image.new("RGB", (100, 50)), np.zeros((50, 100)), 1.0, Box(25, 50, 40, 60))
    assert (np.asarray(mixed)[49, 55:] == 255).all() and (np.asarray(mixed)[30:, 99] == 255).all()
