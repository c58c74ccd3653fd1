"""Stage ablation: mAP with one part of scoring changed at a time; seconds, from stored window scores."""

from lexiclip.errors import run_stage
from lexiclip.evaluation.tables import as_text, labels_of
from lexiclip.files import read_npz, write_csv
from lexiclip.images.datasets import load_dataset
from lexiclip.params import load_params
from lexiclip.scoring.ablation import ablate
from lexiclip.scoring.cooccurrence import row_normalised
from lexiclip.scoring.ensemble import choose, class_mask
from lexiclip.scoring.lift import load_lift
from lexiclip.scoring.window_store import read_ids, read_index
from lexiclip.vocabulary import load_vocabulary

WINDOWS = "data/window_scores"


def main() -> None:
    params = load_params()
    vocabulary = load_vocabulary(params.vocabulary.file, params.vocabulary.without)
    names = vocabulary.names
    dataset = load_dataset(params.images.labels, params.images.folder, vocabulary, params.images.limit)
    members = params.members
    read_index(WINDOWS, names)
    rows = ablate(
        WINDOWS,
        row_normalised(read_npz("data/cooccurrence.npz")["matrix"]),
        {variant: params.fusing(variant) for variant in params.scored},
        labels_of(read_ids(WINDOWS), dataset, params.windows.skip_unreadable),
        members,
        choose(params.ensemble.choice, members, names, params.vocabulary.without),
        class_mask(params.hard_classes(members), names),
        load_lift("models/lift.safetensors", names),
        params.ensemble.rule,
    )
    write_csv("metrics/ablation.csv", rows)
    print(as_text(rows, words=1))


run_stage(main)
