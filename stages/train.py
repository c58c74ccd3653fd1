"""Stage train@VARIANT: tune the prompts of one variant on its mix; images are never seen.

On several GPUs: `torchrun --nproc-per-node 8 stages/train.py VARIANT`, then `dvc commit`.
"""

import sys
from pathlib import Path

import torch

from lexiclip.clip.feature_store import open_store
from lexiclip.clip.loading import load_clip, model_id
from lexiclip.devices import best_device
from lexiclip.distributed import join_processes, leave_processes, rank_and_count
from lexiclip.errors import InputError, run_stage
from lexiclip.files import read_jsonl, write_csv, write_json
from lexiclip.mixes import CAPTION_SOURCES, label_matrix
from lexiclip.params import load_params
from lexiclip.prompts.class_vectors import Prompts, class_vectors, load_prompts, save_prompts
from lexiclip.prompts.heldout import as_metrics, caption_ap, held_out
from lexiclip.prompts.training import Tuning, train_prompts
from lexiclip.scoring.cooccurrence import cooccurrence
from lexiclip.vocabulary import load_vocabulary


def main(given: list[str]) -> None:
    params = load_params()
    if len(given) != 1 or given[0] not in params.variants:
        told = " ".join(given) or "no variant"
        raise InputError(f"stages/train.py: {told}: name one of params.yaml: {', '.join(params.variants)}")
    variant = given[0]
    join_processes()
    names = load_vocabulary(params.vocabulary.file, params.vocabulary.without).names
    of_variant, train = params.variants[variant].train, params.train
    clip = load_clip("models/clip", params.precision).to(best_device(params.precision))
    model = model_id(clip)
    store = open_store("data/features", model)
    mix, captions = read_jsonl(f"data/mixes/{variant}.jsonl"), read_jsonl("data/mixes/heldout.jsonl")
    heldout = held_out(store, captions, names, params.variants[variant].mix.hard_classes)
    together = None
    if of_variant.cooccurrence_loss:  # counted in what the variant trains on: held-out captions stay unseen
        written = [text for text in mix if text["source"] in CAPTION_SOURCES]
        together = torch.from_numpy(cooccurrence(label_matrix(written, names))).float()
    start = load_prompts(f"models/prompts/{of_variant.init_from}.safetensors", model).contexts
    how = Tuning(
        **of_variant.model_dump(exclude={"cooccurrence_loss", "init_from", "average"}),
        **train.model_dump(include={"batch_size", "weight_decay", "momentum", "seed"}),
        ema_decay=train.ema_decay if of_variant.average == "ema_decay" else None,
    )
    checkpoint = Path(f"models/prompts/{variant}.checkpoint.partial")
    tuned = train_prompts(
        clip,
        store,
        store.rows(text["text"] for text in mix),
        torch.from_numpy(label_matrix(mix, names)).float(),
        names,
        how,
        cooccurrence=together,
        init=start,
        heldout=heldout,
        checkpoint=checkpoint,
    )
    if rank_and_count()[0] == 0:
        vectors = class_vectors(clip, tuned.contexts, names)
        path = f"models/prompts/{variant}.safetensors"
        save_prompts(path, Prompts(vectors, names, model, tuned.contexts))
        metrics = as_metrics(caption_ap(store, heldout, vectors), names)
        write_json(f"metrics/captions_ap/{variant}.json", metrics)
        write_csv(f"metrics/train/{variant}.csv", tuned.steps)
        write_csv(f"metrics/train/{variant}.epochs.csv", tuned.epochs)
        checkpoint.unlink(missing_ok=True)
        print(f"{path}, held-out caption mAP {metrics['mAP']}")
    leave_processes()


run_stage(lambda: main(sys.argv[1:]))
