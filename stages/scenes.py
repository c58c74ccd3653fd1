"""Stage scenes: draw the test images of the mini world and their labels in COCO's format."""

from pathlib import Path

from lexiclip.errors import InputError, run_stage
from lexiclip.mini.scenes import draw_scenes, load_themes, write_scenes
from lexiclip.mini.sprites import load_sprites, never_shown
from lexiclip.params import load_params
from lexiclip.vocabulary import load_vocabulary


def main() -> None:
    params = load_params()
    names = load_vocabulary(params.vocabulary.file, params.vocabulary.without).names
    world = params.scenes
    sprites = load_sprites("data/world/sprites.yaml", names)
    absent = never_shown(sprites, names)
    if world.clutter[1] and sprites.labels.any(1).all():
        raise InputError("data/world/sprites.yaml: every glyph shows a class: add clutter, or set "
                         "scenes.clutter to [0, 0]")  # fmt: skip
    scenes = draw_scenes(
        sprites,
        load_themes("data/world/themes.yaml", set(names) - set(absent)),
        names,
        count=world.count,
        objects=world.objects,
        clutter=world.clutter,
        size=world.size,
        noise=world.noise,
        seed=world.seed,
    )
    write_scenes(scenes, names, Path("data/scenes"))
    print(f"{world.count} scenes of {len(names) - len(absent)} classes -> data/scenes")


run_stage(main)
