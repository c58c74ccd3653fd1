"""Stage cooccurrence: how often classes are named together in the captions, as a matrix and a heat map."""

import numpy as np

from lexiclip.errors import run_stage
from lexiclip.files import read_jsonl, write_npz
from lexiclip.mixes import CAPTION_SOURCES, label_matrix
from lexiclip.params import load_params
from lexiclip.report.matrix import cooccurrence_picture
from lexiclip.report.page import write_matrix
from lexiclip.scoring.cooccurrence import cooccurrence
from lexiclip.vocabulary import load_vocabulary


def main() -> None:
    params = load_params()
    names = load_vocabulary(params.vocabulary.file, params.vocabulary.without).names
    captions = [row for source in CAPTION_SOURCES for row in read_jsonl(f"data/captions/{source}.jsonl")]
    labels = label_matrix(captions, names)
    matrix = cooccurrence(labels)
    write_npz("data/cooccurrence.npz", {"names": np.array(names), "matrix": matrix})
    often = dict(zip(names, labels.sum(0, dtype=int).tolist(), strict=True))
    picture = cooccurrence_picture(matrix, names, often)
    write_matrix("metrics/cooccurrence.svg", picture, "P(column | row), named together in captions")
    print(f"{len(captions)} captions -> data/cooccurrence.npz, metrics/cooccurrence.svg")


run_stage(main)
