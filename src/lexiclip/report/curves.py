"""Tables of training and of evaluation in, the page's line charts out."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from lexiclip.report.charts import LineChart, line_chart
from lexiclip.report.tables import Row, read_table


class Training(NamedTuple):
    """The loss of one variant by step, and what held-out captions say of the epoch that was kept."""

    name: str
    loss: LineChart
    kept: int
    caption_map: float


def looks_of(variants: Sequence[str]) -> dict[str, int]:
    """The look of each variant's line: eight take turns, the ensemble has one of its own."""
    return {name: place % 8 for place, name in enumerate(variants)} | {"ensemble": 8}


def recall_curves(table: Sequence[Row], looks: dict[str, int]) -> LineChart:
    """Precision of every variant by recall, of the rows of metrics/precision_recall.csv."""
    recalls = [row["recall"] for row in table]
    series = {name: (recalls, [row[name] for row in table]) for name in list(table[0])[1:]}
    return line_chart(series, "recall, %", "precision, %", looks)


def loss_curves(keep_epochs: dict[str, int | Literal["heldout"]], looks: dict[str, int]) -> list[Training]:
    """Loss charts of the variants that `keep_epochs` names, of metrics/train, each with its own axes."""
    trainings = []
    for variant, keep in keep_epochs.items():
        steps = read_table(f"metrics/train/{variant}.csv")
        epochs = read_table(f"metrics/train/{variant}.epochs.csv")
        kept = max(epochs, key=lambda row: row["caption_mAP"]) if keep == "heldout" else epochs[-1]
        points = [float(row["step"]) for row in steps], [row["loss"] for row in steps]
        chart = line_chart({variant: points}, "step", "loss", looks, width=320, height=200)
        trainings.append(Training(variant, chart, int(kept["epoch"]), kept["caption_mAP"]))
    return trainings


def caption_map_curves(variants: Sequence[str], looks: dict[str, int]) -> LineChart:
    """mAP on held-out captions of each variant by epoch, of metrics/train."""
    series = {}
    for variant in variants:
        epochs = read_table(f"metrics/train/{variant}.epochs.csv")
        series[variant] = [row["epoch"] for row in epochs], [row["caption_mAP"] for row in epochs]
    return line_chart(series, "epoch", "mAP on held-out captions, %", looks)
