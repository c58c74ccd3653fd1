"""Stage mix@VARIANT: gather a variant's training texts; heldout: the captions no variant trains on."""

import sys

from lexiclip.errors import run_stage
from lexiclip.files import read_json, read_jsonl, read_yaml, write_jsonl
from lexiclip.mixes import CAPTION_SOURCES, count_sources, is_held_out, mix_texts
from lexiclip.params import load_params
from lexiclip.vocabulary import load_vocabulary


def main(variant: str) -> None:
    params = load_params()
    names = load_vocabulary(params.vocabulary.file, params.vocabulary.without).names
    captions = {source: read_jsonl(f"data/captions/{source}.jsonl") for source in CAPTION_SOURCES}
    # What the mini CLIP has read would be no test of prompts, and no new text to tune them on.
    world = {row["text"].lower() for row in read_jsonl("data/captions/world.jsonl")}
    held_out: dict[str, list[dict]] = {source: [] for source in captions}
    trained: dict[str, list[dict]] = {source: [] for source in captions}
    for source, rows in captions.items():
        for row in rows:
            if row["text"].lower() not in world:
                (held_out if is_held_out(row["text"], params.mix.heldout_share) else trained)[source].append(
                    row
                )
    if variant == "heldout":
        mix = [row for rows in held_out.values() for row in rows]
    else:
        of_variant = params.variants[variant]
        mix = mix_texts(
            names,
            trained,
            read_json("data/captions/class_sets.json")["sets"],
            of_variant.texts,
            things=read_yaml("data/templates/things.yaml"),
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
