"""Stage train@VARIANT: tune the prompts of one variant on its mix; images are never seen."""

import csv
import sys
from pathlib import Path

import torch

from lexiclip.clip.backbone import load_clip, model_id
from lexiclip.clip.feature_store import open_store
from lexiclip.devices import best_device
from lexiclip.errors import run_stage
from lexiclip.files import atomic_path, read_jsonl, write_json
from lexiclip.mixes import label_matrix
from lexiclip.params import load_params
from lexiclip.prompts.caption_ap import as_metrics, caption_ap
from lexiclip.prompts.class_vectors import Prompts, class_vectors, save_prompts
from lexiclip.prompts.training import train_prompts
from lexiclip.vocabulary import load_vocabulary


def main(variant: str, ema: bool) -> None:
    params = load_params()
    names = load_vocabulary(params.vocabulary.file, params.vocabulary.without).names
    of_variant, train = params.variants[variant], params.train
    clip = load_clip(params.clip.model, params.clip.weights).to(best_device())
    store = open_store("data/features", model_id(clip))
    mix, heldout = read_jsonl(f"data/mixes/{variant}.jsonl"), read_jsonl("data/mixes/heldout.jsonl")
    checkpoint = Path(f"models/prompts/{variant}.checkpoint.partial")
    tuned = train_prompts(
        clip,
        store,
        [store.index[row["text"]] for row in mix],
        torch.from_numpy(label_matrix(mix, names)).float(),
        names,
        n_ctx=of_variant.n_ctx,
        evidence=of_variant.evidence,
        epochs=of_variant.epochs,
        keep_epoch=of_variant.keep_epoch,
        batch_size=train.batch_size,
        lr=of_variant.lr,
        warmup_epochs=of_variant.warmup_epochs,
        warmup_lr=of_variant.warmup_lr,
        weight_decay=train.weight_decay,
        momentum=train.momentum,
        ema_decay=train.ema_decay if ema else None,
        cooccurrence=None,
        init=None,
        seed=train.seed,
        result=train.ema_result if ema else "student",
        checkpoint=checkpoint,
    )
    vectors = class_vectors(clip, tuned.contexts, names)
    save_prompts(
        f"models/prompts/{variant}.safetensors", Prompts(vectors, names, model_id(clip), tuned.contexts)
    )
    rows = [store.index[row["text"]] for row in heldout]
    precisions = caption_ap(store, rows, label_matrix(heldout, names), vectors)
    write_json(f"metrics/captions_ap/{variant}.json", as_metrics(precisions, names))
    with atomic_path(f"metrics/train/{variant}.csv") as temporary, temporary.open("w", newline="") as file:
        writer = csv.DictWriter(file, ["step", "epoch", "lr", "loss"], extrasaction="ignore")
        writer.writeheader()
        writer.writerows({**row, "step": number} for number, row in enumerate(tuned.history, start=1))
    checkpoint.unlink(missing_ok=True)
    print(
        f"models/prompts/{variant}.safetensors, held-out caption mAP {as_metrics(precisions, names)['mAP']}"
    )


run_stage(lambda: main(sys.argv[1], ema=sys.argv[2] == "ema"))
