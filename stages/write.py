"""Stage write@SET: ask the language model for captions of one caption set; answers are kept as they come."""

import sys
from pathlib import Path

import numpy as np

from lexiclip.captions.asking import sets_to_ask, write_answers
from lexiclip.captions.instructions import completion_prompt, instruction, load_instructions
from lexiclip.captions.llm import Sampling, backend
from lexiclip.errors import run_stage
from lexiclip.files import read_json
from lexiclip.params import load_params


def main(caption_set: str) -> None:
    params = load_params()
    write, of_set = params.write, params.captions[caption_set]
    instructions = load_instructions(write.instructions)
    proposed = read_json("data/captions/class_sets.json")
    only = params.compose.challenge_classes if of_set.challenge_only else None
    asked = sets_to_ask(proposed["sets"], proposed["names"], of_set.asks_per_set, of_set.asks_per_class, only)
    if instructions["kind"] == "completion":
        generator = np.random.default_rng(of_set.seed)
        prompts = [completion_prompt(names, generator) for names in asked]
    else:
        prompts = [instruction(instructions, f"write.{caption_set}", names) for names in asked]
    asks = [({"names": names}, prompt) for names, prompt in zip(asked, prompts, strict=True)]
    sampling = Sampling(write.max_new_tokens, write.temperature, write.top_p)
    model = backend(**params.language_model.model_dump(), instructions=instructions, sampling=sampling)
    path = Path(f"data/captions/{caption_set}.answers.jsonl")
    write_answers(asks, model, path, seed=of_set.seed)
    print(f"{len(asks)} answers -> {path}")


run_stage(lambda: main(sys.argv[1]))
