"""`python bench`: every bench in turn, then the table of all."""

import store
import training
from table import record

from lexiclip.errors import run_stage


def main() -> None:
    record("store", store.measure())
    record("training", training.measure())


run_stage(main)
