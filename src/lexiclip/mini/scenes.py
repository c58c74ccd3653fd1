"""Test scenes of the mini world, with annotations in COCO's format.

Harder than the scenes that the mini CLIP is trained on: many small objects of one theme, partly hidden, among
clutter from outside the vocabulary; images wider than CLIP's square, blurred and noisy.
"""

import json
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image, ImageFilter
from tqdm import tqdm

from lexiclip.errors import InputError
from lexiclip.files import atomic_folder, read_yaml
from lexiclip.mini.rendering import Draws, Layout, backgrounds, degrade, numpy_draws, render
from lexiclip.mini.sprites import Sprites, load_sprites, never_shown
from lexiclip.validation import checked

WIDTH, HEIGHT = 320, 240


class World(NamedTuple):
    """What scenes are drawn from: class names, sprites labelled with them, and the classes of each theme."""

    names: tuple[str, ...]
    sprites: Sprites
    themes: dict[str, list[str]]


class Scene(NamedTuple):
    image: Image.Image
    boxes: list[tuple[str, list[float]]]  # class name, [x, y, width, height] in pixels


def load_themes(path: str | Path, shown: Collection[str]) -> dict[str, list[str]]:
    """Theme name -> those of the classes `shown` that share its scenes. InputError if one is in no theme."""
    content = checked(dict[str, list[str]], read_yaml(path), path)
    themes = {theme: [name for name in classes if name in shown] for theme, classes in content.items()}
    themes = {theme: classes for theme, classes in themes.items() if classes}
    if missing := sorted(set(shown) - {name for classes in themes.values() for name in classes}):
        raise InputError(f"{path}: no theme has {', '.join(missing)}")
    if not themes:
        raise InputError(f"{path}: no theme has a class of the vocabulary")
    return themes


def load_world(names: tuple[str, ...], clutter: tuple[int, int]) -> World:
    """The mini world of data/world. InputError if it has nothing for the clutter that scenes are to have."""
    sprites = load_sprites("data/world/sprites.yaml", names)
    if clutter[1] and sprites.labels.any(1).all():
        raise InputError(
            "data/world/sprites.yaml: every glyph shows a class: add clutter, or set scenes.clutter to [0, 0]"
        )
    shown = set(names) - set(never_shown(sprites, names))
    return World(names, sprites, load_themes("data/world/themes.yaml", shown))


def make_scenes(names: tuple[str, ...], settings: dict, folder: Path) -> World:
    """Draw scenes of the classes `names` into `folder`; `settings` are the params `scenes`, or alike."""
    world = load_world(names, settings["clutter"])
    write_scenes(draw_scenes(world, **settings), names, folder)
    return world


def draw_scenes(
    world: World,
    *,
    count: int,
    objects: tuple[int, int],
    clutter: tuple[int, int],
    size: tuple[float, float],
    noise: float,
    seed: int,
) -> Iterator[Scene]:
    """`count` scenes with numbers of objects and of clutter between bounds, sides in scene heights."""
    names, sprites, themes = world
    random = np.random.default_rng(seed)
    draws = numpy_draws(random)
    shows = {name: torch.nonzero(sprites.labels[:, k]).flatten().tolist() for k, name in enumerate(names)}
    outside = torch.nonzero(~sprites.labels.any(1)).flatten().tolist()
    for _ in tqdm(range(count), desc="scenes", unit="image"):
        theme = themes[str(random.choice(sorted(themes)))]
        things = [int(random.choice(outside)) for _ in range(random.integers(clutter[0], clutter[1] + 1))]
        chosen = random.permutation(theme)[: random.integers(objects[0], objects[1] + 1)]
        things += [int(random.choice(shows[name])) for name in chosen]
        layout = _layout(torch.tensor(things)[None], size, draws)
        pixels = degrade(render(sprites, layout, backgrounds(1, HEIGHT, WIDTH, draws)), noise, draws)
        image = Image.fromarray((pixels[0].permute(1, 2, 0) * 255).round().byte().numpy())
        image = image.filter(ImageFilter.GaussianBlur(float(random.uniform(0.0, 1.2))))
        yield Scene(image, list(_annotations(sprites, layout, names)))


def write_scenes(scenes: Iterable[Scene], names: tuple[str, ...], folder: Path) -> None:
    """Make `folder` anew: images/NNNNNN.png and instances.json (COCO's format)."""
    images, annotations = [], []
    with atomic_folder(folder) as temporary:
        (temporary / "images").mkdir()
        for index, scene in enumerate(scenes):
            file_name = f"{index:06d}.png"
            # Stored, not deflated: compressors find other codes on other processors.
            scene.image.save(temporary / "images" / file_name, compress_level=0)
            images.append({"id": index, "file_name": file_name, "width": WIDTH, "height": HEIGHT})
            for name, box in scene.boxes:
                annotations.append({
                    "id": len(annotations), "image_id": index, "category_id": names.index(name) + 1,
                    "bbox": box, "area": round(box[2] * box[3], 1), "iscrowd": 0,
                })  # fmt: skip
        categories = [{"id": k + 1, "name": name} for k, name in enumerate(names)]
        content = {"images": images, "annotations": annotations, "categories": categories}
        (temporary / "instances.json").write_text(json.dumps(content) + "\n", encoding="utf-8")


def _layout(sprite: torch.Tensor, size: tuple[float, float], draws: Draws) -> Layout:
    shape = tuple(sprite.shape)
    # Squared, so that most things are small and a few are large.
    side = HEIGHT * (size[0] + (size[1] - size[0]) * draws.uniform(shape, 0, 1) ** 2)
    room = torch.tensor([WIDTH, HEIGHT]) - 0.7 * side[..., None]
    centre = 0.35 * side[..., None] + room * draws.uniform((*shape, 2), 0, 1)
    angle, mirrored = draws.uniform(shape, -0.3, 0.3), draws.uniform(shape, 0, 1) < 0.5
    return Layout(sprite, centre, side, angle, mirrored, draws.uniform((*shape, 3), 0.8, 1.15))


def _annotations(
    sprites: Sprites, layout: Layout, names: tuple[str, ...]
) -> Iterator[tuple[str, list[float]]]:
    # A sprite turned by an angle reaches |cos| + |sin| times as far to each side.
    reach = layout.size / 2 * (layout.angle.cos().abs() + layout.angle.sin().abs())  # (1, M)
    for sprite, (x, y), r in zip(layout.sprite[0], layout.centre[0].tolist(), reach[0].tolist(), strict=True):
        left, top = max(0.0, x - r), max(0.0, y - r)
        box = [left, top, min(WIDTH, x + r) - left, min(HEIGHT, y + r) - top]
        for k in torch.nonzero(sprites.labels[sprite]).flatten().tolist():
            yield names[k], [round(value, 1) for value in box]
