"""Stage score: one pass over the images; every window is encoded once and scored by every variant.

Alone or, for more GPUs, as `torchrun --nproc-per-node 8 stages/score.py` with `dvc repro` after it.
"""

from lexiclip.clip.feature_store import open_store
from lexiclip.clip.loading import load_clip, model_id
from lexiclip.devices import best_device
from lexiclip.distributed import rank_and_count, take_device
from lexiclip.errors import InputError, run_stage
from lexiclip.files import read_jsonl
from lexiclip.images.datasets import load_dataset
from lexiclip.params import load_params
from lexiclip.prompts.class_vectors import load_prompts
from lexiclip.scoring.retrieval import caption_sets
from lexiclip.scoring.window_pass import Texts, Windows, score_images
from lexiclip.scoring.window_store import publish
from lexiclip.vocabulary import load_vocabulary

# DVC deletes data/window_scores before a run; what a killed run finished lies beside it.
PARTIAL = "data/window_scores.partial"


def main() -> None:
    take_device()
    rank, ranks = rank_and_count()
    params = load_params()
    vocabulary = load_vocabulary(params.vocabulary.file, params.vocabulary.without)
    names = vocabulary.names
    dataset = load_dataset(params.images.labels, params.images.folder, vocabulary, params.images.limit)
    clip = load_clip("models/clip", params.precision).to(best_device(params.precision))
    model = model_id(clip)
    vectors = {}
    for variant in params.scored:
        prompts = load_prompts(f"models/prompts/{variant}.safetensors", model)
        if prompts.names != names:
            raise InputError(f"models/prompts/{variant}.safetensors: other classes than the vocabulary: "
                             "train the variant again")  # fmt: skip
        vectors[variant] = prompts.vectors
    store = open_store("data/features", model)
    mixes = {variant: read_jsonl(f"data/mixes/{variant}.jsonl") for variant in params.variants}
    rows = {variant: store.rows(text["text"] for text in mix) for variant, mix in mixes.items()}
    captions = caption_sets(store.global_features(range(len(store.index)), next(clip.parameters())), rows)
    skipped = score_images(
        clip,
        list(zip(dataset.ids, dataset.paths, strict=True)),
        Texts(names, vectors, captions),
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
