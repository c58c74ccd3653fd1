"""Stage ensemble: windows fused for each variant, then the variants; from scores to probabilities and labels.

Seconds, from stored scores; no label of an image is read.
"""

from collections import Counter

import numpy as np

from lexiclip.errors import run_stage
from lexiclip.evaluation.study_scores import write_scores
from lexiclip.files import read_json, read_jsonl, read_npz, write_json
from lexiclip.params import load_params
from lexiclip.scoring.cooccurrence import row_normalised
from lexiclip.scoring.decisions import Prior, caption_prior, fit_rule, write_decisions
from lexiclip.scoring.ensemble import join, load_ensemble
from lexiclip.scoring.fusion import WITHOUT_CAPTIONS, fuse_variant
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
    ensemble, rule = load_ensemble(params, names), params.ensemble.rule
    joined = join({variant: scores.windows for variant, scores in fused.items()}, ensemble)
    ids = fused[ensemble.members[0]].ids
    write_scores("data/scores/ensemble.npz", ids, names, joined[rule], **joined)
    write_json("data/impreds.json", joined[rule].round(5).tolist())
    print(f"{rule} of {', '.join(ensemble.members)} -> data/scores/ensemble.npz, data/impreds.json")

    # As a photo outside the study is scored.
    scores = {
        variant: fuse_variant(WINDOWS, variant, None, **params.fusing(variant) | WITHOUT_CAPTIONS).windows
        for variant in params.scored
    }
    scores["ensemble"] = join(scores, ensemble)["ours"]
    prior = prior_of_captions(names)
    rules = {name: fit_rule(of_images, prior) for name, of_images in scores.items()}
    write_decisions("models/decisions.json", names, prior, rules)
    print(f"{prior.labels_per_image:.2f} labels an image expected, predicted from a probability of "
          f"{rules['ensemble'].threshold:.2f} -> models/decisions.json")  # fmt: skip


def prior_of_captions(names: tuple[str, ...]) -> Prior:
    """What captions say of images never seen."""
    # A caption leaves things out; the class set that it was asked for is what its scene holds.
    sets = read_json("data/captions/class_sets.json")["sets"]
    named = Counter(label for row in read_jsonl("data/captions/multi.jsonl") for label in row["labels"])
    return caption_prior(
        float(np.mean([len(of_scene) for of_scene in sets])), np.array([named[name] for name in names])
    )


run_stage(main)
