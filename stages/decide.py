"""Stage decide: how scores become probabilities and labels, from captions and from images without labels."""

from collections import Counter

import numpy as np

from lexiclip.errors import run_stage
from lexiclip.files import read_json, read_jsonl
from lexiclip.params import PROTOTYPES, load_params
from lexiclip.scoring.decisions import caption_prior, fit_rule, write_decisions
from lexiclip.scoring.ensemble import class_mask, mean_standardised, ours
from lexiclip.scoring.fusion import WITHOUT_CAPTIONS, fuse_variant
from lexiclip.scoring.lift import load_lift
from lexiclip.scoring.window_store import read_index
from lexiclip.vocabulary import load_vocabulary

WINDOWS = "data/window_scores"


def main() -> None:
    params = load_params()
    names = load_vocabulary(params.vocabulary.file, params.vocabulary.without).names
    read_index(WINDOWS, names)
    # A caption leaves things out; the class set that it was asked for is what its scene holds.
    sets = read_json("data/captions/class_sets.json")["sets"]
    named = Counter(label for row in read_jsonl("data/captions/multi.jsonl") for label in row["labels"])
    prior = caption_prior(float(np.mean([len(of_scene) for of_scene in sets])),
                          np.array([named[name] for name in names]))  # fmt: skip
    scores = {
        variant: fuse_variant(WINDOWS, variant, None, **params.fusing(variant) | WITHOUT_CAPTIONS).windows
        for variant in params.scored
    }
    mask = class_mask(params.hard_classes(params.members), names)
    mean = mean_standardised(np.stack([scores[variant] for variant in params.members]), mask)
    scores["ensemble"] = ours(mean, scores[PROTOTYPES], load_lift("models/lift.safetensors", names))
    rules = {name: fit_rule(of_images, prior) for name, of_images in scores.items()}
    write_decisions("models/decisions.json", names, prior, rules)
    print(f"{prior.labels_per_image:.2f} labels an image expected, held present from a probability of "
          f"{rules['ensemble'].threshold:.2f} -> models/decisions.json")  # fmt: skip


run_stage(main)
