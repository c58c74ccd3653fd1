"""Test scenes: one theme's classes, boxes around what is painted, the same for a seed, read back as COCO."""

from collections import Counter

import numpy as np
import pytest
import torch
from PIL import Image

from lexiclip.errors import InputError
from lexiclip.images.datasets import load_dataset
from lexiclip.mini import scenes as scenes_module
from lexiclip.mini.scenes import World, draw_scenes, load_themes, write_scenes
from lexiclip.mini.sprites import LEVELS, SIZE, Sprites
from lexiclip.vocabulary import of_names

NAMES = ("dog", "cat", "fork", "knife")
THEMES = {"garden": ["dog", "dog", "cat"], "table": ["fork", "knife"]}
WIDTH, HEIGHT = 160, 120
SETTINGS = {"count": 6, "objects": (1, 2), "clutter": (1, 2), "size": (0.2, 0.6), "noise": 0.05, "seed": 0}


@pytest.fixture(autouse=True)
def small_scenes(monkeypatch):
    """A quarter of the pixels."""
    monkeypatch.setattr(scenes_module, "WIDTH", WIDTH)
    monkeypatch.setattr(scenes_module, "HEIGHT", HEIGHT)


@pytest.fixture(scope="module")
def sprites():
    """Opaque squares of one colour: dog, cat, fork and knife together, fork, knife, and clutter."""
    shown = [["dog"], ["cat"], ["fork", "knife"], ["fork"], ["knife"], []]
    colours = torch.rand(len(shown), 3, generator=torch.Generator().manual_seed(0)).round(decimals=1)
    pixels = torch.ones(LEVELS, len(shown), 4, SIZE, SIZE)
    pixels[:, :, :3] = colours[None, :, :, None, None]
    labels = torch.tensor([[name in names for name in NAMES] for names in shown])
    return Sprites(pixels, labels, [" and ".join(names) for names in shown])


def drawn(sprites, **changed):
    return list(draw_scenes(World(NAMES, sprites, THEMES), **{**SETTINGS, **changed}))


def content(scenes):
    return [(scene.image.tobytes(), scene.boxes) for scene in scenes]


def test_a_seed_gives_the_same_scenes_however_many_and_another_seed_others(sprites):
    first, other = content(drawn(sprites)), content(drawn(sprites, seed=1))
    assert first == content(drawn(sprites)) and first[:3] == content(drawn(sprites, count=3))
    assert not {image for image, _ in first} & {image for image, _ in other}


def test_a_scene_shows_as_many_objects_of_one_theme_as_asked(sprites):
    scenes = drawn(sprites, count=24)
    assert len(scenes) == 24
    objects = Counter()
    for scene in scenes:
        classes = [name for name, _ in scene.boxes]
        assert any(set(classes) <= set(theme) for theme in THEMES.values())
        # Both classes of a sprite that shows two have its box.
        objects[len({tuple(box) for _, box in scene.boxes})] += 1
        assert scene.image.size == (WIDTH, HEIGHT) and scene.image.mode == "RGB"
    assert set(objects) == {1, 2}
    scenes = drawn(sprites, objects=(1, 1), clutter=(4, 4))  # which has no box
    assert all(len({tuple(box) for _, box in scene.boxes}) == 1 for scene in scenes)


@pytest.fixture
def plain(monkeypatch):
    """Scenes on black, without wear: what is not black is painted."""
    black = torch.zeros(1, 3, HEIGHT, WIDTH, dtype=torch.float64)
    monkeypatch.setattr(scenes_module, "backgrounds", lambda *_: black)
    monkeypatch.setattr(scenes_module, "degrade", lambda pixels, *_: pixels)


def extent(painted):
    rows, columns = np.nonzero(painted.any(1))[0], np.nonzero(painted.any(0))[0]
    return columns[0], rows[0], columns[-1] + 1, rows[-1] + 1


def test_a_box_holds_what_is_painted_and_little_more(sprites, plain):
    blur = 4  # pixels that the blur may carry paint beyond the edge
    for scene in drawn(sprites, count=20, objects=(1, 1), clutter=(0, 0)):
        left, top, right, bottom = extent(np.asarray(scene.image).max(-1) > 8)
        x, y, width, height = scene.boxes[0][1]
        assert x - blur <= left and right <= x + width + blur
        assert y - blur <= top and bottom <= y + height + blur
        assert right - left >= width - blur and bottom - top >= height - blur
        assert min(x, y) >= 0 and x + width <= WIDTH + 0.1 and y + height <= HEIGHT + 0.1


def test_what_is_written_is_read_as_coco(sprites, tmp_path):
    scenes = drawn(sprites)
    write_scenes(iter(scenes), NAMES, tmp_path / "scenes")
    labels, images = tmp_path / "scenes/instances.json", tmp_path / "scenes/images"
    dataset = load_dataset(labels, images, of_names(NAMES), None)
    assert len(dataset.ids) == len(scenes)
    for scene, path, row in zip(scenes, dataset.paths, dataset.labels, strict=True):
        assert {name for name, label in zip(NAMES, row, strict=True) if label} == {n for n, _ in scene.boxes}
        np.testing.assert_array_equal(np.asarray(Image.open(path)), np.asarray(scene.image))


def test_fewer_scenes_leave_no_stale_image_and_a_killed_run_the_old_scenes(sprites, tmp_path):
    folder, scenes = tmp_path / "scenes", drawn(sprites)
    write_scenes(scenes, NAMES, folder)
    write_scenes(scenes[:2], NAMES, folder)
    before = {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert sorted(before) == ["000000.png", "000001.png", "instances.json"]

    def killed():
        yield scenes[3]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_scenes(killed(), NAMES, folder)
    assert before == {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert [path.name for path in tmp_path.iterdir()] == ["scenes"]


def test_themes_without_a_class_are_told_and_others_left_out(tmp_path):
    path = tmp_path / "themes.yaml"
    path.write_text("yard: [dog, cat]\nsea: [boat]\n")
    assert load_themes(path, ("dog",)) == {"yard": ["dog"]}
    for shown, said in [(("dog", "oven", "sink"), "no theme has oven, sink"), ((), "no theme has a class")]:
        with pytest.raises(InputError, match=rf"themes\.yaml: {said}"):
            load_themes(path, shown)
