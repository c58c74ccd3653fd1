"""Stage wild: import human-written captions of a text, CSV or JSON file; `filter` labels them."""

from lexiclip.captions.readers import read_captions
from lexiclip.errors import run_stage
from lexiclip.files import existing, write_jsonl
from lexiclip.params import load_params


def main() -> None:
    params = load_params()
    captions = read_captions(existing(params.wild.file, "wild.file"))
    write_jsonl("data/captions/wild.answers.jsonl", ({"names": [], "answer": text} for text in captions))
    print(f"{len(captions)} captions -> data/captions/wild.answers.jsonl")


run_stage(main)
