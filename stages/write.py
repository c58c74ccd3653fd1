"""Stage write@SET: ask the language model for captions of one caption set; answers are kept as they come."""

import sys
from pathlib import Path

import numpy as np

from lexiclip.captions.asking import write_answers
from lexiclip.captions.class_sets import sets_to_ask
from lexiclip.captions.instructions import completion_prompt, instruction, load_prompts
from lexiclip.captions.llm import Sampling, backend
from lexiclip.errors import run_stage
from lexiclip.files import read_json
from lexiclip.params import load_params


def main(caption_set: str) -> None:
    params = load_params()
    write, of_set = params.write, params.captions[caption_set]
    prompts = load_prompts(write.prompts)
    proposed = read_json("data/captions/class_sets.json")
    only = params.compose.challenge_classes if of_set.challenge_only else None
    asked = sets_to_ask(proposed["sets"], proposed["names"], of_set.asks_per_set, of_set.asks_per_class, only)
    generator = np.random.default_rng(of_set.seed)
    asks = [
        (
            {"names": names},
            completion_prompt(names, generator)
            if prompts["kind"] == "completion"
            else instruction(prompts, f"write.{caption_set}", names),
        )
        for names in asked
    ]
    sampling = Sampling(write.max_new_tokens, write.temperature, write.top_p)
    model = backend(**params.language_model.model_dump(), prompts=prompts, sampling=sampling)
    path = Path(f"data/captions/{caption_set}.answers.jsonl")
    write_answers(asks, model, path, seed=of_set.seed)
    print(f"{len(asks)} answers -> {path}")


run_stage(lambda: main(sys.argv[1]))
