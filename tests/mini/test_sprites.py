"""The atlas: every class has glyphs that draw, each differently, with soft edges at every resolution."""

import pytest
import torch
import yaml
from tests.clones import committed_params
from tests.conftest import ROOT

from lexiclip.errors import InputError
from lexiclip.mini.sprites import LEVELS, SIZE, load_sprites, never_shown
from lexiclip.vocabulary import load_vocabulary

LISTED = ROOT / "data/world/sprites.yaml"


@pytest.fixture(scope="module")
def names():
    vocabulary = committed_params()["vocabulary"]
    return load_vocabulary(ROOT / vocabulary["file"], vocabulary["without"].split(", ")).names


@pytest.fixture(scope="module")
def sprites(names):
    return load_sprites(LISTED, names)


def test_every_class_is_shown_by_a_sprite_of_its_name(sprites, names):
    assert sprites.pixels.shape == (LEVELS, len(sprites.things), 4, SIZE, SIZE)
    assert sprites.labels.shape == (len(sprites.things), len(names))
    assert sprites.labels.any(0).all()
    for thing, row in zip(sprites.things, sprites.labels, strict=True):
        shown = [name for name, is_shown in zip(names, row.tolist(), strict=True) if is_shown]
        assert set(thing.split(" and ")) == set(shown) or (not shown and thing not in names)


def test_every_sprite_draws_and_no_two_alike(sprites):
    covered = (sprites.pixels[:, :, 3] > 0.5).float().mean((2, 3))  # (LEVELS, S)
    assert covered.min() > 0.03
    flat = sprites.pixels[0].flatten(1)
    distance = torch.cdist(flat, flat).fill_diagonal_(torch.inf)
    # A glyph missing from the font would draw the same empty box as any other.
    assert distance.min() > 5, "two sprites look the same"


def test_colours_are_multiplied_by_alpha_and_the_border_is_empty(sprites):
    colours, alpha = sprites.pixels[:, :, :3], sprites.pixels[:, :, 3:]
    assert (colours <= alpha + 1e-6).all() and alpha.max() == 1
    border = torch.ones(SIZE, SIZE, dtype=torch.bool)
    border[1:-1, 1:-1] = False
    assert not sprites.pixels[..., border].any()


def written(path, **changed):
    content = {"classes": {"dog": "🐕", "cat": "🐈🐱"}, "shared": {}, "named": {}, "clutter": ""}
    path.write_text(yaml.safe_dump({**content, **changed}, sort_keys=False), encoding="utf-8")
    return path


def test_labels_follow_the_order_of_the_names_and_classes_without_a_glyph_are_told(tmp_path):
    path = written(
        tmp_path / "sprites.yaml", shared={"🍴": ["fork", "knife"]}, named={"egg": "🥚"}, clutter="🔥"
    )
    names = ("knife", "sink", "fork", "dog")  # the cat is none of them
    sprites = load_sprites(path, names)
    assert sprites.things == ["dog", "cat", "cat", "fork and knife", "egg", ""]
    no = [0, 0, 0, 0]
    assert sprites.labels.int().tolist() == [[0, 0, 0, 1], no, no, [1, 0, 1, 0], no, no]
    assert never_shown(sprites, names) == ["sink"]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"clutter": "🔥🐕"}, "'🐕' is listed twice"),
        ({"shared": {"🍴🐩": ["fork", "knife"]}}, r"shared.*at most 1 character"),
        ({"named": ["egg"]}, "named: input should be"),
        ({"classes": {}}, "lists no glyph"),
        ({"others": {}}, "others: unknown key"),
    ],
)
def test_a_malformed_list_is_told(tmp_path, changed, said):
    with pytest.raises(InputError, match=rf"sprites\.yaml: .*{said}"):
        load_sprites(written(tmp_path / "sprites.yaml", **changed), ("dog", "cat"))
