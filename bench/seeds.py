"""mAP over three seeds of training: an experiment a seed, then the mean and the spread of each figure."""

import subprocess
from pathlib import Path

from lexiclip.errors import run_stage
from lexiclip.files import read_json, write_json

SEEDS = (1, 2, 0)  # the committed one last, so that the workspace ends as it began
PATH = "metrics/seeds.json"


def main() -> None:
    found: dict[str, list[float]] = {}
    params, before = Path("params.yaml"), Path("params.yaml").read_text()
    for seed in SEEDS:
        subprocess.run(["dvc", "exp", "run", "-S", f"train.seed={seed}", "evaluate"], check=True)
        params.write_text(before)  # `-S` leaves the last seed in it
        for name, value in mean_average_precisions(read_json("metrics/metrics.json")).items():
            found.setdefault(name, []).append(value)
    write_json(PATH, {name: summary(values) for name, values in found.items()})
    print(f"{'mAP over seeds ' + ', '.join(map(str, SEEDS)):<32}{'mean':>8}{'spread':>8}")
    for name, values in found.items():
        print(f"{name:<32}{summary(values)['mean']:>8}{summary(values)['spread']:>8}")
    print(f"-> {PATH}")


def mean_average_precisions(metrics: dict, prefix: str = "") -> dict[str, float]:
    """Every mAP of metrics.json by its path, such as best.whole."""
    found = {}
    for key, value in metrics.items():
        if isinstance(value, dict):
            found |= mean_average_precisions(value, f"{prefix}{key}.")
        elif key == "mAP":
            found[prefix.removesuffix(".")] = value
    return found


def summary(values: list[float]) -> dict[str, float]:
    """The mean, and how far the highest lies above the lowest."""
    return {"mean": round(sum(values) / len(values), 2), "spread": round(max(values) - min(values), 2)}


if __name__ == "__main__":
    run_stage(main)
