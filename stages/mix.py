"""Stage mix@VARIANT: gather a variant's training texts; heldout: the captions no variant trains on."""

import sys

from lexiclip.errors import run_stage
from lexiclip.files import read_json, read_jsonl, write_jsonl
from lexiclip.mixes import (
    CAPTION_SOURCES,
    count_sources,
    is_held_out,
    load_templates,
    load_things,
    mix_texts,
)
from lexiclip.params import load_params
from lexiclip.vocabulary import load_vocabulary


def main(variant: str) -> None:
    params = load_params()
    names = load_vocabulary(params.vocabulary.file, params.vocabulary.without).names
    captions = {source: read_jsonl(f"data/captions/{source}.jsonl") for source in CAPTION_SOURCES}
    # What the mini CLIP has read would be no test of prompts, and no new text to tune them on.
    world = {row["text"].lower() for row in read_jsonl("data/captions/world.jsonl")}
    held_out, trained = [], {}
    for source, rows in captions.items():
        rows = [row for row in rows if row["text"].lower() not in world]
        kept_back = [is_held_out(row["text"], params.mix.heldout_share) for row in rows]
        held_out += [row for row, back in zip(rows, kept_back, strict=True) if back]
        trained[source] = [row for row, back in zip(rows, kept_back, strict=True) if not back]
    if variant == "heldout":
        mix = held_out
    else:
        of_variant = params.variants[variant]
        mix = mix_texts(
            names,
            trained,
            read_json("data/captions/class_sets.json")["sets"],
            of_variant.texts,
            templates=load_templates("data/templates/imagenet.yaml"),
            things=load_things("data/templates/things.yaml"),
            rare_classes=params.mix.rare_classes,
            hard_classes=of_variant.hard_classes,
            seed=params.mix.seed,
        )
        if absent := [name for name in of_variant.hard_classes if name not in names]:
            print(f"variants.{variant}.hard_classes: not in the vocabulary, left out: {', '.join(absent)}")
    path = f"data/mixes/{variant}.jsonl"
    write_jsonl(path, mix)
    print(f"{len(mix)} texts ({', '.join(f'{n} {s}' for s, n in count_sources(mix).items())}) -> {path}")


run_stage(lambda: main(sys.argv[1]))
