"""Stage evaluate: mAP, CF1 and OF1 of every variant, with and without windows, and of the ensemble; and the
ablation, mAP with one part of scoring changed at a time. Seconds, from stored scores."""

from lexiclip.errors import run_stage
from lexiclip.evaluation.tables import (
    CEILING,
    as_text,
    labels_of,
    metrics_of,
    per_class_table,
    read_study,
    recall_table,
    reliability_table,
    results_table,
)
from lexiclip.files import read_npz, write_csv, write_json
from lexiclip.images.datasets import Dataset, load_dataset
from lexiclip.params import Params, load_params
from lexiclip.scoring.ablation import ablate
from lexiclip.scoring.cooccurrence import row_normalised
from lexiclip.scoring.decisions import read_decisions
from lexiclip.scoring.ensemble import load_ensemble
from lexiclip.scoring.window_store import read_ids, read_index
from lexiclip.vocabulary import load_vocabulary

WINDOWS = "data/window_scores"


def main() -> None:
    params = load_params()
    vocabulary = load_vocabulary(params.vocabulary.file, params.vocabulary.without)
    names = vocabulary.names
    dataset = load_dataset(params.images.labels, params.images.folder, vocabulary, params.images.limit)
    files = {variant: f"data/scores/{variant}.npz" for variant in [*params.scored, "ensemble"]}
    ids, stored = read_study(files | {CEILING: "data/ceiling.npz"}, names)
    labels = labels_of(ids, dataset, params.windows.skip_unreadable)
    scores = {variant: arrays["scores"] for variant, arrays in stored.items()}
    prior, _ = read_decisions("models/decisions.json", names)
    metrics = {}
    for variant, arrays in stored.items():
        metrics |= metrics_of(variant, arrays, labels, prior)
    results = results_table(metrics)
    per_class, left_out = per_class_table(scores, labels, names)
    metrics["evaluated"] = {"images": len(ids), "classes": len(per_class), "left_out": len(left_out)}
    ablation = ablation_table(params, names, dataset)
    write_json("metrics/metrics.json", metrics)
    write_csv("metrics/results.csv", results)
    write_csv("metrics/per_class_ap.csv", per_class)
    write_csv("metrics/precision_recall.csv", recall_table(scores, labels))
    write_csv("metrics/reliability.csv", reliability_table(scores["ensemble"], labels, prior))
    write_csv("metrics/ablation.csv", ablation)
    print(as_text(ablation, words=1), end="\n\n")
    print(as_text(results, words=1))
    print(f"{len(ids)} of {len(dataset.ids)} images, {len(per_class)} of {len(names)} classes")
    print(f"left out, shown by no image: {', '.join(left_out) or 'none'}")


def ablation_table(params: Params, names: tuple[str, ...], dataset: Dataset) -> list[dict]:
    """The rows of metrics/ablation.csv."""
    read_index(WINDOWS, names)
    return ablate(
        WINDOWS,
        row_normalised(read_npz("data/cooccurrence.npz")["matrix"]),
        {variant: params.fusing(variant) for variant in params.scored},
        labels_of(read_ids(WINDOWS), dataset, params.windows.skip_unreadable),
        load_ensemble(params, names),
        params.ensemble.rule,
    )


run_stage(main)
