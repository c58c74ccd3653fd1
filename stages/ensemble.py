"""Stage ensemble: fuse the windows of each variant, then the variants; seconds, from stored scores."""

import numpy as np

from lexiclip.errors import run_stage
from lexiclip.evaluation.scores_file import write_scores
from lexiclip.files import read_npz, write_json
from lexiclip.params import PROTOTYPES, load_params
from lexiclip.scoring.cooccurrence import row_normalised
from lexiclip.scoring.ensemble import choose, class_mask, join
from lexiclip.scoring.fusion import fuse_variant
from lexiclip.scoring.lift import load_lift
from lexiclip.scoring.window_store import read_index
from lexiclip.vocabulary import load_vocabulary

WINDOWS = "data/window_scores"


def main() -> None:
    params = load_params()
    names = load_vocabulary(params.vocabulary.file, params.vocabulary.without).names
    companions = row_normalised(read_npz("data/cooccurrence.npz")["matrix"])
    read_index(WINDOWS, names)
    fused = {
        variant: fuse_variant(WINDOWS, variant, companions, **params.fusing(variant))
        for variant in params.scored
    }
    for variant, scores in fused.items():
        write_scores(f"data/scores/{variant}.npz", scores.ids, names, scores.windows, whole=scores.whole)
    members, rule = params.members, params.ensemble.rule
    joined = join(
        np.stack([fused[variant].windows for variant in members]),  # (V, N, K)
        choose(params.ensemble.choice, members, names, params.vocabulary.without),
        class_mask(params.hard_classes(members), names),
        fused[PROTOTYPES].windows,
        load_lift("models/lift.safetensors", names),
    )
    write_scores("data/scores/ensemble.npz", fused[members[0]].ids, names, joined[rule], **joined)
    write_json("data/impreds.json", joined[rule].round(5).tolist())
    print(f"{rule} of {', '.join(members)} -> data/scores/ensemble.npz, data/impreds.json")


run_stage(main)
