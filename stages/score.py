"""Stage score: one pass over the images; every window is encoded once and scored by every variant."""

from lexiclip.clip.backbone import load_clip, model_id
from lexiclip.clip.feature_store import open_store
from lexiclip.devices import best_device
from lexiclip.errors import run_stage
from lexiclip.files import read_jsonl
from lexiclip.images.datasets import load_dataset
from lexiclip.params import load_params
from lexiclip.prompts.class_vectors import load_prompts
from lexiclip.scoring.window_pass import score_images
from lexiclip.vocabulary import load_vocabulary

BASELINES = ("zero_shot", "caption_mean")


def main() -> None:
    params = load_params()
    names = load_vocabulary(params.vocabulary.file, params.vocabulary.without).names
    dataset = load_dataset(params.images.labels, params.images.folder, names, params.images.limit)
    clip = load_clip(params.clip.model, params.clip.weights).to(best_device())
    store = open_store("data/features", model_id(clip))
    vectors, captions = {}, {}
    for variant in (*BASELINES, *params.variants):
        vectors[variant] = load_prompts(f"models/prompts/{variant}.safetensors", model_id(clip)).vectors
    for variant in params.variants:
        rows = sorted({store.index[text["text"]] for text in read_jsonl(f"data/mixes/{variant}.jsonl")})
        captions[variant] = store.global_features(rows)
    skipped = score_images(
        clip,
        list(zip(dataset.ids, dataset.paths, strict=True)),
        vectors,
        captions,
        names,
        params.windows.scales,
        params.windows.shapes,
        "data/scores/windows",
        workers=params.windows.workers,
        skip_unreadable=params.windows.skip_unreadable,
    )
    print("\n".join([*skipped, f"{len(dataset.ids) - len(skipped)} images -> data/scores/windows"]))


run_stage(main)
