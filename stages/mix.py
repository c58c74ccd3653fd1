"""Stage mix: the training texts of every variant, and the held-out captions that none of them trains on."""

from collections import Counter

from lexiclip.errors import InputError, run_stage
from lexiclip.files import read_json, read_jsonl, write_jsonl
from lexiclip.mixes import (
    CAPTION_SOURCES,
    IMAGENET_TEMPLATES,
    load_templates,
    load_things,
    mix_texts,
    split_held_out,
)
from lexiclip.params import load_params
from lexiclip.vocabulary import load_vocabulary


def main() -> None:
    params = load_params()
    vocabulary = load_vocabulary(params.vocabulary.file, params.vocabulary.without)
    names = vocabulary.names
    vocabulary.check(params.mix.rare_classes, "mix.rare_classes")
    trained, held_out = split_held_out(
        {source: read_jsonl(f"data/captions/{source}.jsonl") for source in CAPTION_SOURCES},
        read_jsonl("data/captions/world.jsonl"),
        params.mix.heldout_share,
    )
    mixes = {"heldout": held_out}
    class_sets = read_json("data/captions/class_sets.json")["sets"]
    templates = load_templates(IMAGENET_TEMPLATES)
    things = load_things("src/lexiclip/templates/things.yaml")
    for variant, of_variant in params.variants.items():
        hard_classes, key = of_variant.mix.hard_classes, f"variants.{variant}.mix"
        vocabulary.check(hard_classes, f"{key}.hard_classes")
        try:
            mixes[variant] = mix_texts(
                names,
                trained,
                class_sets,
                of_variant.mix.texts,
                templates=templates,
                things=things,
                rare_classes=params.mix.rare_classes,
                hard_classes=hard_classes,
                seed=params.mix.seed,
            )
        except InputError as error:
            raise InputError(f"{key}.{error}") from None
        if absent := [name for name in hard_classes if name not in names]:
            print(f"{key}.hard_classes: left out by vocabulary.without: {', '.join(absent)}")
    for name, mix in mixes.items():
        write_jsonl(f"data/mixes/{name}.jsonl", mix)
        counts = Counter(text["source"] for text in mix)
        listed = ", ".join(f"{count} {source}" for source, count in counts.items())
        print(f"{len(mix)} texts ({listed}) -> data/mixes/{name}.jsonl")


run_stage(main)
