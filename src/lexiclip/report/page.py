"""The content of the page in, one HTML file out that holds its styles, script and pictures."""

from collections.abc import Sequence
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from lexiclip.files import atomic_path
from lexiclip.report.matrix import Matrix

FOLDER = Path(__file__).parent


def write_page(path: str | Path, **content: object) -> None:
    """Fill report.html.j2 with `content`; every text in it is escaped."""
    parts = {kind: (FOLDER / f"report.{kind}").read_text(encoding="utf-8") for kind in ("css", "js")}
    _fill("report.html.j2", path, **content, **parts)


def write_photos(path: str | Path, cards: Sequence[tuple]) -> None:
    """Write the page of predicted photos, each a `report.photos.Card`; every text in it is escaped."""
    _fill("photos.html.j2", path, cards=cards, css=(FOLDER / "report.css").read_text(encoding="utf-8"))


def write_matrix(path: str | Path, matrix: Matrix, title: str) -> None:
    """Draw a matrix as an SVG file for `dvc plots`; the viewer supplies the font."""
    _fill("matrix.svg.j2", path, matrix=matrix, title=title)


def _fill(template: str, path: str | Path, **content: object) -> None:
    environment = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "signed": signed,
        "counted": "{:,}".format,  # 1,234
        "sum_values": lambda counts: sum(counts.values()),
    }
    text = environment.get_template(template).render(**content)
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def signed(value: float) -> str:
    """A difference with its sign, "0" where it rounds to nothing: +1.4, −0.3."""
    text = f"{value:+.1f}"
    return "0" if float(text) == 0 else text.replace("-", "−")
