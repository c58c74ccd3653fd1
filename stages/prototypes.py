"""Stage prototypes: class vectors and lift from unlabelled images, a folder's or drawn scenes."""

from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from lexiclip.clip.loading import load_clip, model_id
from lexiclip.devices import best_device
from lexiclip.errors import run_stage
from lexiclip.images.photo_files import photo_files
from lexiclip.mini.scenes import make_scenes
from lexiclip.params import load_params
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
    given = params.prototypes
    how = (params.windows.exif, params.windows.workers, params.windows.skip_unreadable)
    with TemporaryDirectory() as folder:
        if given.images is None:  # scenes of a seed of their own; nothing reads their labels
            scenes = params.scenes.model_dump() | {"count": given.scenes, "seed": given.seed}
            make_scenes(names, scenes, Path(folder))
        _, features = view_features(clip, photo_files([given.images or folder]), *how)
    found, lift = prototypes_and_lift(features.double().numpy(), text, given.per_class)
    vectors = torch.from_numpy(found)
    prompts = Prompts(ClassVectors(vectors, vectors, None), names, model, None)
    save_prompts("models/prompts/prototypes.safetensors", prompts)
    write_lift("models/lift.npz", lift, names)
    print(f"{len(features)} images -> models/prompts/prototypes.safetensors, models/lift.npz")


run_stage(main)
