"""Stage ensemble: fuse the windows of each variant, then the variants; seconds, from stored scores."""

import numpy as np
import torch

from lexiclip.errors import run_stage
from lexiclip.files import atomic_path, read_json, write_json
from lexiclip.params import load_params
from lexiclip.scoring.cooccurrence import row_normalised
from lexiclip.scoring.ensemble import choose_by_caption_ap, class_advantage, mean_standardised
from lexiclip.scoring.fusion import standardise
from lexiclip.scoring.image_scores import fuse_variant
from lexiclip.vocabulary import load_vocabulary

BASELINES = ("zero_shot", "caption_mean")


def main() -> None:
    params = load_params()
    names = load_vocabulary(params.vocabulary.file, params.vocabulary.without).names
    companions = row_normalised(np.load("data/cooccurrence.npz")["matrix"])
    scores = {}
    for variant in (*BASELINES, *params.variants):
        how = params.variants.get(variant, params.baselines)
        fused = fuse_variant(
            "data/scores/windows",
            variant,
            form=how.fusion,
            local_weight=how.local_weight,
            window_weight=params.fusion.window_weight,
            threshold=params.fusion.threshold,
            retrieval=params.fusion.retrieval,
            companions=companions if how.cooccurrence else None,
            companion_weight=params.fusion.cooccurrence_weight,
        )
        scores[variant] = fused.windows
        save(f"data/scores/{variant}.npz", fused.ids, names, fused.windows, whole=fused.whole.numpy())
    members = params.ensemble.variants
    stacked = torch.stack([scores[variant] for variant in members])  # (V, N, K)
    if params.ensemble.rule == "mean":
        joined = mean_standardised(stacked)
    else:
        of_captions = [read_json(f"metrics/captions_ap/{variant}.json")["per_class"] for variant in members]
        caption_ap = torch.tensor([[aps.get(name, float("nan")) for name in names] for aps in of_captions])
        joined = class_advantage(standardise(stacked), choose_by_caption_ap(caption_ap))
    save("data/scores/ensemble.npz", fused.ids, names, joined)
    write_json("data/impreds.json", joined.double().round(decimals=5).tolist())
    print(f"{params.ensemble.rule} of {', '.join(members)} -> data/scores/ensemble.npz, data/impreds.json")


def save(path: str, ids: list[str], names: tuple[str, ...], scores: torch.Tensor, **more: np.ndarray) -> None:
    with atomic_path(path) as temporary:
        np.savez(temporary, ids=np.array(ids), names=np.array(names), scores=scores.numpy(), **more)


run_stage(main)
