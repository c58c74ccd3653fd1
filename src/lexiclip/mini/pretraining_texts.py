"""Texts that the mini CLIP is trained on, with the sprites that show the things each names.

Like captions of real photos they are short: most name one or two of the things in the image.
"""

from typing import NamedTuple

import numpy as np
import torch

from lexiclip.clip.loading import tokenize
from lexiclip.mini.sprites import Sprites

TEMPLATES = (
    "a photo of {}.", "a picture of {}.", "{}.", "there is {} here.", "a small photo of {}.", "look at {}.",
    "a blurry photo of {}.", "a cropped photo of {}.", "a close-up of {}.", "a scene with {}.",
    "we can see {}.", "an image of {}.", "{} in the picture.",
)  # fmt: skip
MOST_NAMED = 4
MOST_TOKENS = 24  # longer captions are left out: they are few, and padding would slow every batch


class PretrainingTexts(NamedTuple):
    tokens: torch.Tensor  # (C, L) token ids, cut at the longest text
    sprites: torch.Tensor  # (C, MOST_NAMED, G) sprites that show each named thing, -1 = none
    weight: torch.Tensor  # (C,) how often each is drawn, relative


def pretraining_texts(
    captions: list[dict],
    names: tuple[str, ...],
    sprites: Sprites,
    *,
    templates: int,
    caption_share: float,
    seed: int,
) -> PretrainingTexts:
    """Captions {"text", "labels"}, drawn `caption_share` of the time, and `templates` template texts."""
    shown = _sprites_of(names, sprites)
    eos = tokenize([row["text"] for row in captions]).argmax(1)  # EOS has the largest token id
    short = eos < MOST_TOKENS
    written = [(row["text"], row["labels"]) for row, fits in zip(captions, short, strict=True) if fits]
    written = [(text, named) for text, named in written if len(named) <= MOST_NAMED]
    templated = _templated(sorted(shown), set(names), templates, np.random.default_rng(seed))
    tokens = tokenize([text for text, _ in written + templated])
    longest = int(tokens.argmax(1).max()) + 1
    choices = torch.full((len(tokens), MOST_NAMED, max(map(len, shown.values()))), -1)
    for row, (_, named) in enumerate(written + templated):
        for slot, name in enumerate(named):
            choices[row, slot, : len(shown[name])] = torch.tensor(shown[name])
    weight = torch.full((len(tokens),), (1 - caption_share) / max(len(templated), 1))
    weight[: len(written)] = caption_share / max(len(written), 1)
    return PretrainingTexts(tokens[:, :longest], choices, weight)


def _sprites_of(names: tuple[str, ...], sprites: Sprites) -> dict[str, list[int]]:
    shown = {name: torch.nonzero(sprites.labels[:, k]).flatten().tolist() for k, name in enumerate(names)}
    for sprite, thing in enumerate(sprites.things):
        if thing and not sprites.labels[sprite].any():
            shown.setdefault(thing, []).append(sprite)
    return shown


def _templated(
    things: list[str], classes: set[str], count: int, generator: np.random.Generator
) -> list[tuple[str, list[str]]]:
    # Classes come up more often than other things; half of the texts name one thing alone.
    chance = np.array([1.0 if thing in classes else 0.4 for thing in things])
    texts = []
    for _ in range(count):
        size = int(generator.choice([1, 2, 3], p=[0.5, 0.35, 0.15]))
        named = [str(n) for n in generator.choice(things, size=size, replace=False, p=chance / chance.sum())]
        template = TEMPLATES[generator.integers(len(TEMPLATES))]
        texts.append((template.format(" and ".join(f"a {name}" for name in named)), named))
    return texts
