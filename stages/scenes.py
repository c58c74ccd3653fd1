"""Stage scenes: draw the test images of the mini world and their labels in COCO's format."""

from pathlib import Path

from lexiclip.errors import run_stage
from lexiclip.mini.scenes import make_scenes
from lexiclip.params import load_params
from lexiclip.vocabulary import load_vocabulary


def main() -> None:
    params = load_params()
    names = load_vocabulary(params.vocabulary.file, params.vocabulary.without).names
    world = make_scenes(names, params.scenes.model_dump(), Path("data/scenes"))
    shown = {name for classes in world.themes.values() for name in classes}
    print(f"{params.scenes.count} scenes of {len(shown)} classes -> data/scenes")


run_stage(main)
