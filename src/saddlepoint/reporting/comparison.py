"""The page of `saddle compare`: numbers, what differs, and grids of the same latents."""

from __future__ import annotations

import json
from html import escape
from pathlib import Path
from typing import Any

from saddlepoint.core.files import write_atomically
from saddlepoint.core.runs import Run, images_of
from saddlepoint.evaluation.scores import in_digits
from saddlepoint.reporting.page import figure_of, grid_table, page_of, section, table

FIRST = ("precision", "recall", "fid", "coverage", "density", "kid_subsets", "label_accuracy")
"""Numbers that come first, in this order, where they were measured."""


def write_comparison(document: dict[str, Any], out: Path) -> Path:
    """Write the page; every row shows the newest grid of its first run.

    Raises:
        OSError: `out` cannot be written.
    """
    rows = document["rows"]
    header, cells = number_table(document)
    note = (
        "Median over seeds (least to greatest); a single run has its 95 % bootstrap interval in "
        "brackets. All numbers are of one protocol, given below."
    )
    title = "Comparison of " + ", ".join(row["name"] for row in rows)
    differences = [
        [field, *(_shown(by_row.get(row["name"])) for row in rows)]
        for field, by_row in document["differences"].items()
    ]
    parts = [
        f'<header><div class="head"><h1>{escape(title)}</h1></div></header>',
        section("Numbers", grid_table(header, cells), note),
        section("Samples", _grids(rows), "The same latents in every grid."),
    ]
    if differences:
        names = ["field", *(row["name"] for row in rows)]
        parts.append(section("What differs", grid_table(names, differences)))
    protocol = {name: _shown(value) for name, value in document["protocol"].items()}
    parts.append(section("Protocol", table(protocol)))
    write_atomically(out, page_of(title, parts).encode())
    return out


def number_table(document: dict[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Heading and lines of the table of numbers: one line for each number, a column a row."""
    rows = document["rows"]
    measured = [name for row in rows for name in row["values"]]
    names = [*(n for n in FIRST if n in measured), *(n for n in measured if n not in FIRST)]
    header = ["measure", *(row["name"] for row in rows)]
    lines = [
        ["runs", *(str(len(row["runs"])) for row in rows)],
        ["kimg", *(_kimg(row["kimg"]) for row in rows)],
    ]
    for name in dict.fromkeys(names):
        lines.append([name, *(number_text(row["values"].get(name)) for row in rows)])
    return header, lines


def number_text(value: dict[str, Any] | None) -> str:
    """A number over seeds as text, its spread or interval on a second line."""
    if value is None:
        return ""
    if len(value["each"]) > 1:
        spread = f"{in_digits(value['least'])} to {in_digits(value['greatest'])}"
        return f"{in_digits(value['median'])}\n({spread})"
    ends = value["intervals"][0]
    around = "" if ends is None else f"\n[{in_digits(ends[0])} to {in_digits(ends[1])}]"
    return f"{in_digits(value['median'])}{around}"


def _grids(rows: list[dict[str, Any]]) -> str:
    figures = []
    for row in rows:
        samples = Run(row["runs"][0]).samples
        if samples:
            caption = f"{row['name']}, after {images_of(samples[-1]):,} real images"
            figures.append(figure_of(samples[-1], f"Grid of samples of {row['name']}", caption))
    return f'<div class="pair">{"".join(figures)}</div>'


def _kimg(values: list[float]) -> str:
    low, high = min(values), max(values)
    return f"{low:g}" if low == high else f"{low:g} to {high:g}"


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
