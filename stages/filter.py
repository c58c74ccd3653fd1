"""Stage filter@SET: parse one set's answers, label the captions from their text, drop what breaks a rule."""

import sys
from collections import Counter

from lexiclip.captions.filtering import filter_answers
from lexiclip.errors import run_stage
from lexiclip.files import read_jsonl, write_json, write_jsonl
from lexiclip.params import load_params
from lexiclip.vocabulary import load_vocabulary


def main(caption_set: str) -> None:
    params = load_params()
    vocabulary = load_vocabulary(params.vocabulary.file, params.vocabulary.without)
    captions, counts = filter_answers(
        read_jsonl(f"data/captions/{caption_set}.answers.jsonl"),
        vocabulary,
        caption_set,
        needs_asked=caption_set in params.filter.needs_asked_class,
        adds_asked=caption_set in params.filter.adds_asked_class,
    )
    per_class = Counter(name for caption in captions for name in caption["labels"])
    write_jsonl(f"data/captions/{caption_set}.jsonl", captions)
    write_json(
        f"metrics/captions/{caption_set}.json",
        {**counts, "per_class": {name: per_class[name] for name in vocabulary.names}},
    )
    print(f"{counts['kept']} of {counts['parsed']} captions -> data/captions/{caption_set}.jsonl")


run_stage(lambda: main(sys.argv[1]))
