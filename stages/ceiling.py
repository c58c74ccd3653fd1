"""Stage ceiling: what labels could do. A supervised probe of the same features, on images of its own."""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from torch import Tensor

from lexiclip.clip.loading import load_clip
from lexiclip.devices import best_device
from lexiclip.errors import InputError, run_stage
from lexiclip.evaluation.probe import fit_probe, probe_logits
from lexiclip.evaluation.study_scores import write_scores
from lexiclip.images.datasets import Dataset, load_dataset
from lexiclip.mini.scenes import make_scenes
from lexiclip.params import Params, load_params
from lexiclip.precision import DTYPES
from lexiclip.scoring.view_features import view_features
from lexiclip.vocabulary import Vocabulary, load_vocabulary


def main() -> None:
    params = load_params()
    vocabulary = load_vocabulary(params.vocabulary.file, params.vocabulary.without)
    tested = load_dataset(params.images.labels, params.images.folder, vocabulary, params.images.limit)
    clip = load_clip("models/clip", params.precision).to(best_device(params.precision))
    how = (params.windows.exif, params.windows.workers, params.windows.skip_unreadable)
    with TemporaryDirectory() as folder:
        trained = labelled_images(params, vocabulary, Path(folder))
        rows, features = view_features(clip, trained.paths, *how)
    labels = trained.labels[rows]
    rows, of_test = view_features(clip, tested.paths, *how)
    whole, windows = (logits(features[:, :views], labels, of_test[:, :views], params) for views in (1, None))
    ids = [tested.ids[row] for row in rows]
    write_scores("data/ceiling.npz", ids, vocabulary.names, windows, whole=whole)
    print(f"trained on {len(features)} labelled images -> data/ceiling.npz")


def labelled_images(params: Params, vocabulary: Vocabulary, folder: Path) -> Dataset:
    """Those of `ceiling.labels`, or scenes of a seed of their own, drawn in `folder`."""
    given = params.ceiling
    if given.labels:
        dataset = load_dataset(given.labels, given.folder, vocabulary, given.limit, "ceiling")
        if dataset.labels is None:
            raise InputError(f"ceiling.labels: {given.labels} has no labels")
        return dataset
    how = params.scenes.model_dump() | {"count": given.scenes, "seed": given.seed}
    make_scenes(vocabulary.names, how, folder)
    return load_dataset(folder / "instances.json", folder / "images", vocabulary, None)


def logits(features: Tensor, labels: np.ndarray, of_test: Tensor, params: Params) -> np.ndarray:
    """Logits (N, K) of the test images by a probe trained on `features` (M, V, D) and `labels` (M, K).

    Rounded to four decimals: training carries a processor's last digits on, but not as far as these.
    """
    probe = fit_probe(features, labels, params.ceiling.seed, DTYPES[params.precision])
    with torch.inference_mode():
        return torch.cat([probe_logits(probe, part) for part in of_test.split(256)]).numpy().round(4)


run_stage(main)
