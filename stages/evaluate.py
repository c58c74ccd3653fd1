"""Stage evaluate: mAP, CF1 and OF1 of every variant, with and without windows, and of the ensemble."""

import csv

import numpy as np

from lexiclip.errors import InputError, run_stage
from lexiclip.evaluation import average_precisions, evaluate
from lexiclip.files import atomic_path, write_json
from lexiclip.images.datasets import load_dataset
from lexiclip.params import load_params
from lexiclip.vocabulary import load_vocabulary

BASELINES = ("zero_shot", "caption_mean")


def main() -> None:
    params = load_params()
    names = load_vocabulary(params.vocabulary.file, params.vocabulary.without).names
    dataset = load_dataset(params.images.labels, params.images.folder, names, params.images.limit)
    if dataset.labels is None:
        raise InputError(f"{params.images.labels}: no labels to evaluate with; data/scores holds the scores")
    row_of = {image_id: row for row, image_id in enumerate(dataset.ids)}
    metrics: dict[str, dict] = {}
    per_class: list[dict] = [{"class": name} for name in names]
    for variant in (*BASELINES, *params.variants, "ensemble"):
        stored = np.load(f"data/scores/{variant}.npz")
        if unknown := [image_id for image_id in stored["ids"] if image_id not in row_of]:
            raise InputError(
                f"data/scores/{variant}.npz: no labels for image {unknown[0]} (run the score stage)"
            )
        labels = dataset.labels[[row_of[image_id] for image_id in stored["ids"]]]
        windows = summary(stored["scores"], labels)
        whole = summary(stored["whole"], labels) if "whole" in stored else None
        if variant == "ensemble":
            metrics[variant] = windows
        elif variant == "zero_shot":  # CLIP as it comes looks at the whole image
            metrics[variant] = {**whole, "windows": windows}
        else:
            metrics[variant] = {"whole": whole, "windows": windows}
        for row, precision in zip(per_class, average_precisions(stored["scores"], labels), strict=True):
            row[variant] = round(100 * precision, 2)
    write_json("metrics/metrics.json", metrics)
    with atomic_path("metrics/per_class_ap.csv") as temporary, temporary.open("w", newline="") as file:
        writer = csv.DictWriter(file, per_class[0].keys())
        writer.writeheader()
        writer.writerows(row for row in per_class if not np.isnan(row["ensemble"]))
    print_table(metrics)


def summary(scores: np.ndarray, labels: np.ndarray) -> dict:
    return {name: value for name, value in evaluate(scores, labels).items() if name != "left_out"}


def print_table(metrics: dict[str, dict]) -> None:
    print(f"{'mAP':<14}{'whole image':>12}{'with windows':>14}")
    for variant, values in metrics.items():
        whole = values.get("whole", values if variant == "zero_shot" else {}).get("mAP", "")
        windows = values["mAP"] if variant == "ensemble" else values["windows"]["mAP"]
        print(f"{variant:<14}{whole:>12}{windows:>14}")
    print("-> metrics/metrics.json, metrics/per_class_ap.csv")


run_stage(main)
