"""Stage write@SET: ask the language model for captions of one caption set; answers are kept as they come."""

import sys
from pathlib import Path

import numpy as np

from lexiclip.captions.language_model import complete, load_language_model
from lexiclip.captions.prompting import chat_prompt, completion_prompt, few_shot_prefix, load_prompts
from lexiclip.captions.proposing import sets_to_ask
from lexiclip.captions.writing import write_answers
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
    lm = load_language_model(params.language_model.model, params.language_model.gguf_file)
    few_shot = prompts["kind"] == "completion"
    generator = np.random.default_rng(of_set.seed)
    asks = [
        (
            names,
            completion_prompt(names, generator)
            if few_shot
            else chat_prompt(prompts, caption_set, names, lm.tokenizer),
        )
        for names in asked
    ]

    def answer(batch: list[str], seed: int) -> list[str]:
        return complete(
            lm,
            batch,
            seed,
            prefix=few_shot_prefix(prompts, np.random.default_rng(seed)) if few_shot else "",
            max_new_tokens=write.max_new_tokens,
            temperature=write.temperature,
            top_p=write.top_p,
            first_line_only=few_shot,
        )

    path = Path(f"data/captions/{caption_set}.answers.jsonl")
    write_answers(asks, answer, path, batch_size=params.language_model.batch_size, seed=of_set.seed)
    print(f"{len(asks)} answers -> {path}")


run_stage(lambda: main(sys.argv[1]))
