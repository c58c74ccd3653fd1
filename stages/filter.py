"""Stage filter@SET: parse one set's answers, label the captions, drop what rules or judges reject."""

import sys
from pathlib import Path

from lexiclip.captions.asking import write_answers
from lexiclip.captions.filtering import describe, dropped, filter_answers, read_answers
from lexiclip.captions.instructions import load_instructions
from lexiclip.captions.judging import caption_questions, drop_rejected
from lexiclip.captions.llm import Sampling, backend
from lexiclip.errors import InputError, run_stage
from lexiclip.files import read_jsonl, write_csv, write_json, write_jsonl
from lexiclip.params import load_params
from lexiclip.vocabulary import load_vocabulary


def main(caption_set: str) -> None:
    params = load_params()
    judge = params.judge
    vocabulary = load_vocabulary(params.vocabulary.file, params.vocabulary.without)
    captions, counts = filter_answers(
        read_answers(f"data/captions/{caption_set}.answers.jsonl"),
        vocabulary,
        caption_set,
        max_characters=params.filter.max_characters,
        needs_asked=caption_set in params.filter.needs_asked_class,
        adds_asked=caption_set in params.filter.adds_asked_class,
    )
    instructions = load_instructions(judge.instructions)
    asks = caption_questions(captions, judge.judges, instructions)
    sampling = Sampling(judge.max_new_tokens, judge.temperature, judge.top_p)
    model = backend(**params.language_model.model_dump(), instructions=instructions, sampling=sampling)
    verdicts = Path(f"data/captions/{caption_set}.verdicts.jsonl")
    write_answers(asks, model, verdicts, seed=judge.seed)
    captions, left_after_judges = drop_rejected(captions, read_jsonl(verdicts), judge.judges)
    counts["left_after"] |= left_after_judges
    by_rule = ", ".join(f"{rule} {count}" for rule, count in dropped(counts).items())
    if counts["asked"] and not captions:
        raise InputError(
            f"caption set {caption_set!r}: no caption of {counts['asked']} answers is left; dropped by rule: "
            f"{by_rule}"
        )
    metrics = counts | describe(captions, vocabulary.names)
    columns = ("text", "labels", "source")
    write_jsonl(
        f"data/captions/{caption_set}.jsonl", ({key: row[key] for key in columns} for row in captions)
    )
    write_json(f"metrics/captions/{caption_set}.json", metrics)
    write_csv(
        f"metrics/captions/{caption_set}.csv",
        [{"class": name, "captions": count} for name, count in metrics["per_class"].items()],
    )
    print(f"dropped by rule: {by_rule}")
    print(f"{len(captions)} of {counts['parsed']} captions -> data/captions/{caption_set}.jsonl")


run_stage(lambda: main(sys.argv[1]))
