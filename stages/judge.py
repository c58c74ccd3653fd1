"""Stage judge@SET: ask the language model about each caption that passes the rules; no judge, no question."""

import sys
from pathlib import Path

from lexiclip.captions.asking import write_answers
from lexiclip.captions.filtering import filter_answers, read_answers
from lexiclip.captions.instructions import load_prompts
from lexiclip.captions.judging import caption_questions
from lexiclip.captions.llm import Sampling, backend
from lexiclip.errors import run_stage
from lexiclip.params import load_params
from lexiclip.vocabulary import load_vocabulary


def main(caption_set: str) -> None:
    params = load_params()
    judge = params.judge
    captions, _ = filter_answers(
        read_answers(f"data/captions/{caption_set}.answers.jsonl"),
        load_vocabulary(params.vocabulary.file, params.vocabulary.without),
        caption_set,
        needs_asked=caption_set in params.filter.needs_asked_class,
        adds_asked=caption_set in params.filter.adds_asked_class,
    )
    prompts = load_prompts(judge.prompts)
    asks = caption_questions(captions, judge.judges, prompts)
    sampling = Sampling(judge.max_new_tokens, judge.temperature, judge.top_p)
    model = backend(**params.language_model.model_dump(), prompts=prompts, sampling=sampling)
    path = Path(f"data/captions/{caption_set}.verdicts.jsonl")
    write_answers(asks, model, path, seed=judge.seed)
    print(f"{len(asks)} verdicts -> {path}")


run_stage(lambda: main(sys.argv[1]))
