"""Stage baselines: class vectors that are not tuned, CLIP's own and those moved to the mean caption."""

from lexiclip.clip.feature_store import open_store
from lexiclip.clip.loading import load_clip, model_id
from lexiclip.errors import run_stage
from lexiclip.files import read_jsonl, write_json
from lexiclip.mixes import label_matrix
from lexiclip.params import load_params
from lexiclip.prompts.class_vectors import Prompts, mean_caption_vectors, save_prompts, zero_shot_vectors
from lexiclip.prompts.heldout import as_metrics, caption_ap, held_out
from lexiclip.vocabulary import load_vocabulary


def main() -> None:
    params = load_params()
    names = load_vocabulary(params.vocabulary.file, params.vocabulary.without).names
    clip = load_clip("models/clip", params.precision)
    store = open_store("data/features", model_id(clip))
    zero_shot = zero_shot_vectors(clip, names)
    captions, heldout = (read_jsonl(f"data/mixes/{mix}.jsonl") for mix in (params.baselines.mix, "heldout"))
    features = store.global_features(store.rows(row["text"] for row in captions), zero_shot.global_)  # (N, D)
    moved = mean_caption_vectors(zero_shot.global_, features, label_matrix(captions, names))
    counted = held_out(store, heldout, names)
    for name, vectors in {"zero_shot": zero_shot, "caption_mean": moved}.items():
        save_prompts(f"models/prompts/{name}.safetensors", Prompts(vectors, names, model_id(clip), None))
        precisions = caption_ap(store, counted, vectors, params.baselines.fusion.local_weight)
        metrics = as_metrics(precisions, names)
        write_json(f"metrics/captions_ap/{name}.json", metrics)
        print(f"models/prompts/{name}.safetensors, held-out caption mAP {metrics['mAP']}")


run_stage(main)
