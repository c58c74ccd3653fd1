"""Stage compose: rank pairs of classes by the language model's likelihood and draw believable class sets."""

from lexiclip.captions.language_model import load_language_model
from lexiclip.captions.proposing import class_affinity, propose_sets
from lexiclip.errors import run_stage
from lexiclip.files import write_json
from lexiclip.params import load_params
from lexiclip.vocabulary import load_vocabulary


def main() -> None:
    params = load_params()
    names = list(load_vocabulary(params.vocabulary.file, params.vocabulary.without).names)
    lm = load_language_model(params.language_model.model, params.language_model.gguf_file)
    compose = params.compose
    affinity = class_affinity(lm, names).round(3)
    sets = propose_sets(
        affinity, names, count=compose.sets, sizes=compose.sizes, share=compose.share, seed=compose.seed
    )
    write_json("data/captions/class_sets.json", {"names": names, "sets": sets, "affinity": affinity.tolist()})
    print(f"{len(sets)} class sets -> data/captions/class_sets.json")


run_stage(main)
