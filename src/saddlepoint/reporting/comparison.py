"""The page of `saddle compare`: numbers, what differs, and grids of the same latents."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from saddlepoint.core.outputs import writing
from saddlepoint.core.runs import Run
from saddlepoint.evaluation.scores import in_digits
from saddlepoint.reporting import page
from saddlepoint.reporting.facts import as_typed, flat

FIRST = ("precision", "recall", "fid", "coverage", "density", "kid_subsets", "label_accuracy")
"""Numbers that come first, in this order, where they were measured."""


def write_comparison(document: dict[str, Any], out: Path) -> Path:
    """Write the page; every row shows the newest grid of its first run.

    Args:
        out: from `output_file`.

    Raises:
        InputError, RunFailed: it cannot be written.
    """
    rows = document["rows"]
    header, cells = number_table(document)
    note = (
        "Median over seeds (least to greatest); a single run has its 95 % bootstrap interval in "
        "brackets. All numbers follow one protocol, given below."
    )
    title = "Comparison of " + ", ".join(row["name"] for row in rows)
    grids = page.pair(page.newest_grid(Run(row["runs"][0]), row["name"]) for row in rows)
    sections = [
        page.section("Numbers", page.grid_table(header, cells), note),
        page.section("Samples", grids, "The same latents in every grid."),
    ]
    if document["differences"]:
        differences = page.grid_table(*difference_table(document))
        sections.append(page.section("What differs", differences))
    sections.append(page.section("Protocol", page.table(flat(document["protocol"]))))
    with writing(f"--out {out}"):
        return page.write_page(out, title, sections)


def number_table(document: dict[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Header and lines of the table: a line for each number, a column for each model."""
    rows = document["rows"]
    measured = [name for row in rows for name in row["values"]]
    # Those that papers report come first; the rest stays in the order in which it was measured.
    names = [*(n for n in FIRST if n in measured), *(n for n in measured if n not in FIRST)]
    header = ["measure", *(row["name"] for row in rows)]
    lines = [
        ["runs", *(str(len(row["runs"])) for row in rows)],
        # Each is an axis of its own: a critic's extra steps take images as well.
        ["kimg", *(_range(row["kimg"]) for row in rows)],
        ["generator steps", *(_range(row["steps"]) for row in rows)],
        ["seconds", *(_range(row["seconds"]) for row in rows)],
        ["parameters G", *(_count(row["parameters"].get("generator")) for row in rows)],
        ["parameters D", *(_count(row["parameters"].get("discriminator")) for row in rows)],
    ]
    for name in dict.fromkeys(names):
        lines.append([name, *(number_text(row["values"].get(name)) for row in rows)])
    return header, lines


def difference_table(document: dict[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Header and lines of the fields that differ; a field that a model lacks is left blank."""
    names = [row["name"] for row in document["rows"]]
    lines = [
        [field, *(as_typed(by_row.get(name)) for name in names)]
        for field, by_row in document["differences"].items()
    ]
    return ["field", *names], lines


def number_text(value: dict[str, Any] | None) -> str:
    """A number over seeds as text, its spread or interval on a second line."""
    if value is None:
        return ""
    # Seeds say more about a recipe than the bootstrap, which only knows one run's images.
    if len(value["each"]) > 1:
        spread = f"{in_digits(value['least'])} to {in_digits(value['greatest'])}"
        return f"{in_digits(value['median'])}\n({spread})"
    ends = value["intervals"][0]
    around = "" if ends is None else f"\n[{in_digits(ends[0])} to {in_digits(ends[1])}]"
    return f"{in_digits(value['median'])}{around}"


def _range(values: list[float | None]) -> str:
    known = [value for value in values if value is not None]
    if not known:
        return ""
    low, high = (f"{v:,.0f}" if v >= 100 else f"{v:.3g}" for v in (min(known), max(known)))
    return low if low == high else f"{low} to {high}"


def _count(value: int | None) -> str:
    return "" if value is None else f"{value:,}"
