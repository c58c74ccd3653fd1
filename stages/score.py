"""Stage score: one pass over the images; every window is encoded once and scored by every variant.

Alone or, for more GPUs, as `torchrun --nproc-per-node 8 stages/score.py` with `dvc repro` after it.
"""

from lexiclip.clip.loading import load_clip
from lexiclip.devices import best_device
from lexiclip.distributed import rank_and_count, take_device
from lexiclip.errors import run_stage
from lexiclip.images.datasets import load_dataset
from lexiclip.params import load_params
from lexiclip.scoring.window_pass import Windows, score_images, study_texts
from lexiclip.scoring.window_store import publish
from lexiclip.vocabulary import load_vocabulary

# DVC deletes data/window_scores before a run; what a killed run finished lies beside it.
PARTIAL = "data/window_scores.partial"


def main() -> None:
    take_device()
    rank, ranks = rank_and_count()
    params = load_params()
    vocabulary = load_vocabulary(params.vocabulary.file, params.vocabulary.without)
    dataset = load_dataset(params.images.labels, params.images.folder, vocabulary, params.images.limit)
    clip = load_clip("models/clip", params.precision).to(best_device(params.precision))
    skipped = score_images(
        clip,
        list(zip(dataset.ids, dataset.paths, strict=True)),
        study_texts(clip, vocabulary.names, params.scored, params.variants),
        Windows(params.windows.scales, params.windows.shapes, params.windows.exif),
        PARTIAL,
        workers=params.windows.workers,
        skip_unreadable=params.windows.skip_unreadable,
        share=(rank, ranks),
    )
    for line in skipped:
        print(f"skipped: {line}")
    if ranks > 1:
        print(f"rank {rank} of {ranks} is done: once all are, `dvc repro` takes the scores over")
        return
    publish(PARTIAL, "data/window_scores")
    print(f"{len(dataset.ids) - len(skipped)} of {len(dataset.ids)} images -> data/window_scores")


run_stage(main)
