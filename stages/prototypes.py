"""Stage prototypes: class vectors from windows of images that nobody labelled, a folder's or drawn scenes."""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from torch import nn

from lexiclip.clip.image_tower import encode_views
from lexiclip.clip.loading import load_clip, model_id, preprocess_size
from lexiclip.devices import best_device
from lexiclip.errors import InputError, run_stage
from lexiclip.images.photo_files import photo_files
from lexiclip.images.views import load_views
from lexiclip.mini.scenes import draw_scenes, load_world
from lexiclip.params import Params, load_params
from lexiclip.prompts.class_vectors import ClassVectors, Prompts, load_prompts, save_prompts
from lexiclip.scoring.prototypes import gaussian_vectors, sure_windows
from lexiclip.scoring.window_pass import tower_pays_in_bf16
from lexiclip.vocabulary import load_vocabulary


def main() -> None:
    params = load_params()
    names = load_vocabulary(params.vocabulary.file, params.vocabulary.without).names
    clip = load_clip("models/clip", params.precision).to(best_device(params.precision))
    model = model_id(clip)
    text = load_prompts("models/prompts/caption_mean.safetensors", model).vectors.global_.numpy()
    if params.prototypes.images is None:
        with TemporaryDirectory() as folder:
            features = window_features(clip, params, drawn(params, names, Path(folder)))
    else:
        features = window_features(clip, params, photo_files([params.prototypes.images]))
    chosen = sure_windows(features @ text.T, params.prototypes.per_class)
    vectors = torch.from_numpy(gaussian_vectors(features, chosen))
    prompts = Prompts(ClassVectors(vectors, vectors, None), names, model, None)
    save_prompts("models/prompts/prototypes.safetensors", prompts)
    print(f"{sum(map(len, chosen))} of {len(features)} windows -> models/prompts/prototypes.safetensors")


def drawn(params: Params, names: tuple[str, ...], folder: Path) -> list[Path]:
    """Scenes of a seed of their own, as image files; nobody keeps what they show."""
    world = load_world(names, params.scenes.clutter)
    how = params.scenes.model_dump() | {"count": params.prototypes.scenes, "seed": params.prototypes.seed}
    paths = []
    for place, scene in enumerate(draw_scenes(world.sprites, world.themes, names, **how)):
        paths.append(folder / f"{place:06d}.png")
        scene.image.save(paths[-1], compress_level=0)
    return paths


def window_features(clip: nn.Module, params: Params, paths: Sequence[Path]) -> np.ndarray:
    """Features (M, D) of the windows of scale 2, rounded to float16 as all that is stored."""
    bf16, found = tower_pays_in_bf16(clip, len(paths)), []
    device = next(clip.parameters()).device
    gpu = None if device.type == "cpu" else device
    how, size = params.windows, preprocess_size(clip)
    loaded = load_views(paths, [2], ["square"], how.exif, size, how.workers, gpu)
    for views in loaded:
        if isinstance(views, str):
            raise InputError(f"{views}: take it out of prototypes.images")
        found.append(encode_views(clip, views.pixels[1:], bf16).global_.half().cpu())
    return torch.cat(found).double().numpy()


run_stage(main)
