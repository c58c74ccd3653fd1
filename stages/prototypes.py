"""Stage prototypes: class vectors and lift from images that nobody labelled, a folder's or drawn scenes."""

from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from lexiclip.clip.loading import load_clip, model_id
from lexiclip.devices import best_device
from lexiclip.errors import run_stage
from lexiclip.images.photo_files import photo_files
from lexiclip.mini.scenes import draw_scenes, load_world
from lexiclip.params import Params, load_params
from lexiclip.prompts.class_vectors import ClassVectors, Prompts, load_prompts, save_prompts
from lexiclip.scoring.lift import write_lift
from lexiclip.scoring.prototypes import prototypes_and_lift
from lexiclip.scoring.view_features import view_features
from lexiclip.vocabulary import load_vocabulary


def main() -> None:
    params = load_params()
    names = load_vocabulary(params.vocabulary.file, params.vocabulary.without).names
    clip = load_clip("models/clip", params.precision).to(best_device(params.precision))
    model = model_id(clip)
    text = load_prompts("models/prompts/caption_mean.safetensors", model).vectors.global_.numpy()
    how = (params.windows.exif, params.windows.workers, params.windows.skip_unreadable)
    if params.prototypes.images is None:
        with TemporaryDirectory() as folder:
            _, features = view_features(clip, drawn(params, names, Path(folder)), *how)
    else:
        _, features = view_features(clip, photo_files([params.prototypes.images]), *how)
    found, lift = prototypes_and_lift(features.double().numpy(), text, params.prototypes.per_class)
    vectors = torch.from_numpy(found)
    prompts = Prompts(ClassVectors(vectors, vectors, None), names, model, None)
    save_prompts("models/prompts/prototypes.safetensors", prompts)
    write_lift("models/lift.npz", lift, names)
    print(f"{len(features)} images -> models/prompts/prototypes.safetensors, models/lift.npz")


def drawn(params: Params, names: tuple[str, ...], folder: Path) -> list[Path]:
    """Scenes of a seed of their own, as image files; nobody keeps what they show."""
    world = load_world(names, params.scenes.clutter)
    how = params.scenes.model_dump() | {"count": params.prototypes.scenes, "seed": params.prototypes.seed}
    paths = []
    for place, scene in enumerate(draw_scenes(world, **how)):
        paths.append(folder / f"{place:06d}.png")
        scene.image.save(paths[-1], compress_level=0)
    return paths


run_stage(main)
