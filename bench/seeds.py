"""mAP, CF1 and OF1 over three seeds of training: an experiment a seed, then mean and spread of each."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

from lexiclip.errors import run_stage
from lexiclip.files import read_json, write_json

SEEDS = (1, 2, 0)  # the committed one last, so that the workspace ends as it began
PATH = "metrics/seeds.json"
FIGURES = ("mAP", "CF1", "OF1")


def main() -> None:
    found: dict[str, list[float]] = {}
    params, before = Path("params.yaml"), Path("params.yaml").read_text()
    for seed in SEEDS:
        try:
            subprocess.run(["dvc", "exp", "run", "-S", f"train.seed={seed}", "evaluate"], check=True)
        finally:
            params.write_text(before)  # `-S` leaves the last seed in it
        for name, value in figures_of(read_json("metrics/metrics.json"), FIGURES).items():
            found.setdefault(name, []).append(value)
    write_json(PATH, {name: summary(values) for name, values in found.items()})
    print(f"{'over seeds ' + ', '.join(map(str, SEEDS)):<36}{'mean':>8}{'spread':>8}")
    for name, values in found.items():
        print(f"{name:<36}{summary(values)['mean']:>8}{summary(values)['spread']:>8}")
    print(f"-> {PATH}")


def figures_of(metrics: dict, wanted: Sequence[str], prefix: str = "") -> dict[str, float]:
    """Every figure of metrics.json that is `wanted`, by its path, such as best.whole.mAP."""
    found = {}
    for key, value in metrics.items():
        if isinstance(value, dict):
            found |= figures_of(value, wanted, f"{prefix}{key}.")
        elif key in wanted:
            found[f"{prefix}{key}"] = value
    return found


def summary(values: list[float]) -> dict[str, float]:
    """The mean, and how far the highest lies above the lowest."""
    return {"mean": round(sum(values) / len(values), 2), "spread": round(max(values) - min(values), 2)}


if __name__ == "__main__":
    run_stage(main)
