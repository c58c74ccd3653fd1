"""One table of all benches: each module here measures its part and hands its figures to `record`."""

from datetime import date

from processors import processor

from lexiclip.errors import InputError
from lexiclip.files import read_json, write_json

PATH = "metrics/bench.json"
COLUMNS = ("ours", "reference", "ratio")


def record(part: str, figures: dict[str, dict[str, float]]) -> None:
    """Put the figures of `part`, {what: {"ours", "reference", …: number}}, in metrics/bench.json.

    They stand under the processor, with today's date; what other benches measured on it stays, and is printed
    too. Ours and a reference get their ratio.
    """
    try:
        of_all = read_json(PATH)
    except InputError:
        of_all = {}
    measured = of_all.get(processor(), {})
    rounded = {}
    for what, values in figures.items():
        if {"ours", "reference"} <= values.keys():
            values = values | {"ratio": values["reference"] / values["ours"]}
        rounded[what] = {name: float(f"{value:.4g}") for name, value in values.items()}
    measured[part] = rounded | {"date": date.today().isoformat()}
    write_json(PATH, of_all | {processor(): measured})
    print_table(measured)


def print_table(measured: dict[str, dict[str, dict[str, float]]]) -> None:
    """Every figure of every bench, one a line."""
    print(f"\n{'':<58}{'ours':>10}{'reference':>11}{'ratio':>8}")
    for part, figures in measured.items():
        for what, values in figures.items():
            if what == "date":
                continue
            cells = [values.get(name, "") for name in COLUMNS]
            others = [f"  {name} {value}" for name, value in values.items() if name not in COLUMNS]
            print(f"{part + ': ' + what:<58}{cells[0]:>10}{cells[1]:>11}{cells[2]:>8}{''.join(others)}")
    print(f"-> {PATH}")
