"""Pretraining: a killed run ends in the same weights, another run's checkpoint is no start, the help ends."""

import copy
import math

import pytest
import torch

from lexiclip.clip.loading import model_id, tokenize
from lexiclip.mini import pretraining
from lexiclip.mini.pretraining import helper_weight, train_mini_clip, training_scenes
from lexiclip.mini.pretraining_texts import PretrainingTexts
from lexiclip.mini.sprites import LEVELS, SIZE, Sprites

NAMES = ("dog", "cat", "kite")
SETTINGS = {"steps": 5, "batch_size": 4, "lr": 0.001, "class_loss_share": 0.5, "seed": 0}


@pytest.fixture(scope="module")
def sprites():
    """A square of one colour for each class, and a clutter."""
    pixels = torch.ones(LEVELS, 4, 4, SIZE, SIZE)
    pixels[:, :, :3] = torch.eye(4)[:, :3, None, None]
    return Sprites(pixels, torch.eye(4)[:, :3].bool(), [*NAMES, ""])


@pytest.fixture(scope="module")
def texts():
    tokens = tokenize([f"a {name}." for name in NAMES] + ["a dog and a kite."])[:, :8]
    choices = torch.tensor([[[0], [-1]], [[1], [-1]], [[2], [-1]], [[0], [2]]])
    return PretrainingTexts(tokens, choices, torch.ones(4))


@pytest.fixture
def train(small_clip, sprites, texts, tmp_path, monkeypatch):
    """Train a copy of the small CLIP; returns it and the history. Saves every second step."""
    monkeypatch.setattr(pretraining, "SAVE_EVERY", 2)

    def train(*, checkpoint=tmp_path / "checkpoint", texts=texts, clip=small_clip, **changed):
        clip = copy.deepcopy(clip).requires_grad_(True)
        settings = {**SETTINGS, **changed, "checkpoint": checkpoint}
        history = train_mini_clip(clip, sprites, texts, tokenize(NAMES)[:, :8], **settings)
        return clip, history

    return train


@pytest.fixture
def scenes_drawn(monkeypatch):
    """Counts the steps; a KeyboardInterrupt comes in the step whose number is set as `kill_at`."""
    plain = pretraining.training_scenes

    class Drawn:
        count, kill_at = 0, None

    def draw(*given):
        if Drawn.count == Drawn.kill_at:
            raise KeyboardInterrupt
        Drawn.count += 1
        return plain(*given)

    monkeypatch.setattr(pretraining, "training_scenes", draw)
    return Drawn


def test_a_killed_run_ends_in_the_same_weights(train, scenes_drawn, tmp_path):
    whole, history = train(checkpoint=tmp_path / "undisturbed", steps=21)
    scenes_drawn.count, scenes_drawn.kill_at = 0, 19
    with pytest.raises(KeyboardInterrupt):
        train(steps=21)
    scenes_drawn.kill_at = None
    resumed, resumed_history = train(steps=21)
    assert scenes_drawn.count == 19 + 3  # from the save after step 18
    assert model_id(resumed) == model_id(whole) and resumed_history == history
    assert [row["step"] for row in history] == [20] and 0 < history[0]["lr"] < 0.001


@pytest.mark.parametrize(
    "changed",
    [
        {"steps": 3},
        {"seed": 1},
        {"texts": lambda texts: texts._replace(weight=torch.tensor([1.0, 1, 1, 2]))},
        {"clip": lambda clip: clip.text_projection.data.mul_(1.01) is None or clip},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_another_runs_checkpoint_is_no_start(train, texts, small_clip, scenes_drawn, changed, capsys):
    train(steps=2)
    given = {"texts": texts, "clip": copy.deepcopy(small_clip)}
    changed = {key: value(given[key]) if key in given else value for key, value in changed.items()}
    scenes_drawn.count = 0
    train(**{"steps": 2} | changed)
    assert scenes_drawn.count == changed.get("steps", 2)
    said = "checkpoint: of a run with other params, texts or architecture: starting anew"
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    "damage", [lambda content: b"damaged", lambda content: content[:-1] + bytes([content[-1] ^ 1])]
)
def test_a_damaged_checkpoint_is_no_start(train, scenes_drawn, tmp_path, capsys, damage):
    train(steps=2)
    content = (tmp_path / "checkpoint").read_bytes()
    (tmp_path / "checkpoint").write_bytes(damage(content))
    scenes_drawn.count = 0
    train(steps=2)
    assert scenes_drawn.count == 2 and "checkpoint: damaged" in capsys.readouterr().err


def test_the_class_loss_fades_to_zero():
    weights = [helper_weight(step, 100, 0.4) for step in (0, 10, 20, 39, 40, 41, 99)]
    assert weights == pytest.approx([1, 0.75, 0.5, 0.025, 0, 0, 0])


def test_no_position_is_learnt_and_the_scale_stays_below_100(train, small_clip):
    clip = copy.deepcopy(small_clip)
    clip.logit_scale.data.fill_(10)
    trained, _ = train(steps=2, clip=clip)
    assert not trained.visual.attnpool.positional_embedding.any()
    assert trained.logit_scale.item() <= math.log(100) + 1e-3


def test_scenes_show_what_their_text_names_on_top(sprites, texts):
    generator = torch.Generator().manual_seed(0)
    choices = texts.sprites.repeat(50, 1, 1)  # (200, N, G)
    pixels, shown = training_scenes(sprites, choices, 32, generator)
    assert pixels.shape == (200, 3, 32, 32) and pixels.min() >= 0 and pixels.max() <= 1
    named = torch.tensor([[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 0, 1]]).repeat(50, 1)
    assert (shown >= named).all() and (shown > named).any(), "some are shown that no text names"
    assert (shown == named).all(1).any(), "and some scenes have no other class"
    again, _ = training_scenes(sprites, choices, 32, torch.Generator().manual_seed(0))
    other, _ = training_scenes(sprites, choices, 32, torch.Generator().manual_seed(1))
    assert torch.equal(pixels, again) and not torch.equal(pixels, other)
