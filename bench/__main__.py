"""`python bench`: every bench in turn, then the table of all."""

import captions
import scoring
import store
import training
from table import record

from lexiclip.errors import run_stage


def main() -> None:
    for part in (captions, store, training, scoring):
        record(part.__name__, part.measure())


run_stage(main)
