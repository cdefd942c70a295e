"""A comparison as tables of text: for a page, for the studio and for the terminal. No torch."""

from __future__ import annotations

from typing import Any

from saddlepoint.evaluation.scores import in_digits
from saddlepoint.reporting.facts import as_typed
from saddlepoint.reporting.strings import ENGLISH, Words

FIRST = ("precision", "recall", "fid", "coverage", "density", "kid_subsets", "label_accuracy")
"""Numbers that come first, in this order, where they were measured."""


def number_table(
    document: dict[str, Any], words: Words = ENGLISH
) -> tuple[list[str], list[list[str]]]:
    """Header and lines of the table: a line for each number, a column for each model."""
    rows = document["rows"]
    measured = [name for row in rows for name in row["values"]]
    # Those that papers report come first; the rest stays in the order in which it was measured.
    names = [*(n for n in FIRST if n in measured), *(n for n in measured if n not in FIRST)]
    counts = {
        "runs": lambda row: str(len(row["runs"])),
        # Each is an axis of its own: a critic's extra steps take images as well.
        "kimg": lambda row: _range(row["kimg"], words),
        "steps": lambda row: _range(row["steps"], words),
        "seconds": lambda row: _range(row["seconds"], words),
        "parameters-g": lambda row: _count(row["parameters"].get("generator"), words),
        "parameters-d": lambda row: _count(row["parameters"].get("discriminator"), words),
    }
    lines = [[words(f"compare.{key}"), *map(text, rows)] for key, text in counts.items()]
    for name in dict.fromkeys(names):
        lines.append([name, *(number_text(row["values"].get(name), words) for row in rows)])
    return [words("compare.measure"), *(row["name"] for row in rows)], lines


def difference_table(
    document: dict[str, Any], words: Words = ENGLISH
) -> tuple[list[str], list[list[str]]]:
    """Header and lines of the fields that differ; a field that a model lacks is left blank."""
    names = [row["name"] for row in document["rows"]]
    lines = [
        [field, *(as_typed(by_row.get(name)) for name in names)]
        for field, by_row in document["differences"].items()
    ]
    return [words("compare.field"), *names], lines


def number_text(value: dict[str, Any] | None, words: Words = ENGLISH) -> str:
    """A number over seeds as text, its spread or interval on a second line."""
    if value is None:
        return ""
    # Seeds say more about a recipe than the bootstrap, which only knows one run's images.
    several = len(value["each"]) > 1
    ends = [value["least"], value["greatest"]] if several else value["intervals"][0]
    around = ""
    if ends is not None:
        low, high = map(in_digits, ends)
        text = words("page.to", low=low, high=high)
        around = f"\n({text})" if several else f"\n[{text}]"
    return words.number(f"{in_digits(value['median'])}{around}")


def _range(values: list[float | None], words: Words) -> str:
    known = [value for value in values if value is not None]
    if not known:
        return ""
    ends = (f"{v:,.0f}" if v >= 100 else f"{v:.3g}" for v in (min(known), max(known)))
    low, high = map(words.number, ends)
    return low if low == high else words("page.to", low=low, high=high)


def _count(value: int | None, words: Words) -> str:
    return "" if value is None else words.number(f"{value:,}")
