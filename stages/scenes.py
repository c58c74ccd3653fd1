"""Stage scenes: draw the test images of the mini world and their labels in COCO's format."""

from pathlib import Path

from lexiclip.errors import run_stage
from lexiclip.images.mini_world import draw_scenes, load_themes, write_scenes
from lexiclip.images.sprites import load_sprites
from lexiclip.params import load_params
from lexiclip.vocabulary import load_vocabulary


def main() -> None:
    params = load_params()
    names = load_vocabulary(params.vocabulary.file, params.vocabulary.without).names
    world = params.scenes
    scenes = draw_scenes(
        load_sprites("data/world/sprites.yaml", names),
        load_themes("data/world/themes.yaml", names),
        names,
        count=world.count,
        objects=world.objects,
        clutter=world.clutter,
        size=world.size,
        noise=world.noise,
        seed=world.seed,
    )
    write_scenes(scenes, names, Path("data/scenes"))
    print(f"{world.count} scenes -> data/scenes/images, data/scenes/instances.json")


run_stage(main)
