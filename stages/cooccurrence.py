"""Stage cooccurrence: how often classes are named together in the captions, as a matrix and a heat map."""

import numpy as np

from lexiclip.errors import run_stage
from lexiclip.files import atomic_path, read_jsonl
from lexiclip.mixes import CAPTION_SOURCES, label_matrix
from lexiclip.params import load_params
from lexiclip.plots import heat_map
from lexiclip.scoring.cooccurrence import cooccurrence
from lexiclip.vocabulary import load_vocabulary


def main() -> None:
    params = load_params()
    names = load_vocabulary(params.vocabulary.file, params.vocabulary.without).names
    captions = [row for source in CAPTION_SOURCES for row in read_jsonl(f"data/captions/{source}.jsonl")]
    matrix = cooccurrence(label_matrix(captions, names))
    with atomic_path("data/cooccurrence.npz") as temporary:
        np.savez(temporary, names=np.array(names), matrix=matrix)
    heat_map("metrics/cooccurrence.png", matrix, names, title="P(column | row), named together in captions")
    print(f"{len(captions)} captions -> data/cooccurrence.npz, metrics/cooccurrence.png")


run_stage(main)
