"""Tables in, the geometry of line charts out; charts.html.j2 draws it, so colours can follow the theme."""

from collections.abc import Sequence
from statistics import fmean
from typing import Literal, NamedTuple

from matplotlib.ticker import MaxNLocator

from lexiclip.params import PROTOTYPES
from lexiclip.report.tables import Row, read_numbers

LEFT, RIGHT, TOP, BOTTOM = 60, 16, 12, 42  # room for ticks and axis titles, in pixels
MOST_POINTS = 200  # of a line; more of them are averaged in groups


class Line(NamedTuple):
    """A named line as "x,y x,y …" in pixels; `look` picks colour and dashes."""

    name: str
    points: str
    look: int


class LineChart(NamedTuple):
    """Lines in a box of pixels, y downwards, with ticks as (pixel, text)."""

    width: int
    height: int
    x_label: str
    y_label: str
    x_ticks: list[tuple[float, str]]
    y_ticks: list[tuple[float, str]]
    lines: list[Line]


class Training(NamedTuple):
    """The loss of one variant by step, and what held-out captions say of the epoch that was kept."""

    name: str
    loss: LineChart
    kept: int
    caption_map: float


def line_chart(
    series: dict[str, tuple[Sequence[float], Sequence[float]]],
    x_label: str,
    y_label: str,
    looks: dict[str, int],
    width: int = 520,
    height: int = 330,
) -> LineChart:
    """A chart of named (x values, y values) whose axes end at round numbers, those of x whole ones."""
    xs = _ticks([x for of_line, _ in series.values() for x in of_line], whole=True)
    ys = _ticks([y for _, of_line in series.values() for y in of_line], whole=False)

    def place(x: float) -> float:
        return round(LEFT + (x - xs[0]) / (xs[-1] - xs[0]) * (width - LEFT - RIGHT), 1)

    def rise(y: float) -> float:
        return round(height - BOTTOM - (y - ys[0]) / (ys[-1] - ys[0]) * (height - TOP - BOTTOM), 1)

    lines = []
    for name, (of_x, of_y) in series.items():
        points = [f"{place(x)},{rise(y)}" for x, y in thinned(of_x, of_y)]
        if len(points) == 1:
            points *= 2  # a line from a point to itself is a dot, one point alone is nothing
        lines.append(Line(name, " ".join(points), looks[name]))
    x_ticks, y_ticks = [(place(x), f"{x:g}") for x in xs], [(rise(y), f"{y:g}") for y in ys]
    return LineChart(width, height, x_label, y_label, x_ticks, y_ticks, lines)


def thinned(xs: Sequence[float], ys: Sequence[float]) -> list[tuple[float, float]]:
    """Points of a line, at most MOST_POINTS: neighbours are averaged in groups of one size."""
    group = -(-len(xs) // MOST_POINTS)
    return [(fmean(xs[i : i + group]), fmean(ys[i : i + group])) for i in range(0, len(xs), group)]


def _ticks(values: Sequence[float], whole: bool) -> list[float]:
    lowest, highest = min(values), max(values)
    if lowest == highest:
        lowest, highest = lowest - 1, highest + 1
    return MaxNLocator(5, steps=[1, 2, 2.5, 5, 10], integer=whole).tick_values(lowest, highest).tolist()


def looks_of(variants: Sequence[str]) -> dict[str, int]:
    """The look of each variant's line: eight take turns, what is no text's has one of its own."""
    return {name: place % 8 for place, name in enumerate(variants)} | {
        "ensemble": 8,
        PROTOTYPES: 9,
        "ceiling": 10,
    }


def recall_curves(table: Sequence[Row], looks: dict[str, int]) -> LineChart:
    """Precision of every variant by recall, of the rows of metrics/precision_recall.csv."""
    recalls = [row["recall"] for row in table]
    series = {name: (recalls, [row[name] for row in table]) for name in list(table[0])[1:]}
    return line_chart(series, "recall, %", "precision, %", looks)


def reliability_curve(table: Sequence[Row], looks: dict[str, int]) -> LineChart:
    """The share of labels shown by their probability, of metrics/reliability.csv, and the ideal."""
    points = [row["predicted"] for row in table], [row["observed"] for row in table]
    ends = ([0.0, 100.0], [0.0, 100.0])
    return line_chart(
        {"ensemble": points, "calibrated": ends}, "probability, %", "shown, %", looks | {"calibrated": 0}
    )


def loss_curves(keep_epochs: dict[str, int | Literal["heldout"]], looks: dict[str, int]) -> list[Training]:
    """Loss charts of the variants that `keep_epochs` names, of metrics/train, each with its own axes."""
    trainings = []
    for variant, keep in keep_epochs.items():
        steps = read_numbers(f"metrics/train/{variant}.csv")
        epochs = read_numbers(f"metrics/train/{variant}.epochs.csv")
        kept = max(epochs, key=lambda row: row["caption_mAP"]) if keep == "heldout" else epochs[-1]
        points = [float(row["step"]) for row in steps], [row["loss"] for row in steps]
        chart = line_chart({variant: points}, "step", "loss", looks, width=320, height=200)
        trainings.append(Training(variant, chart, int(kept["epoch"]), kept["caption_mAP"]))
    return trainings


def caption_map_curves(variants: Sequence[str], looks: dict[str, int]) -> LineChart:
    """mAP on held-out captions of each variant by epoch, of metrics/train."""
    series = {}
    for variant in variants:
        epochs = read_numbers(f"metrics/train/{variant}.epochs.csv")
        series[variant] = [row["epoch"] for row in epochs], [row["caption_mAP"] for row in epochs]
    return line_chart(series, "epoch", "mAP on held-out captions, %", looks)
