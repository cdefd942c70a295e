"""A comparison as tables of text: for a page, for the studio and for the terminal. No torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from saddlepoint.evaluation.scores import in_digits
from saddlepoint.reporting.facts import as_typed
from saddlepoint.reporting.strings import ENGLISH, Words

FIRST = ("precision", "recall", "fid", "coverage", "density", "kid_subsets", "label_accuracy")
"""Numbers that come first, in this order, where they were measured."""
PARTS = {
    "data": ("source", "augment"),
    "nets": ("arch", "start"),
    "loss": ("loss", "penalties"),
    "optimisers": ("optim_g", "optim_d", "ema"),
}
"""Parts of a configuration as a person reads it -> its components."""
REST = "training"
WATCHED = "watched"
"""What is measured and written on the way; it changes nothing about the model."""
_WRITTEN = ("train.tick_kimg", "train.sample_kimg", "train.n_samples", "train.checkpoint_minutes")
_MOST_INSIDE = 4
"""Fields of a component that can be read in one cell of a table."""


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
    values = {
        field: [by_row.get(name) for name in names]
        for field, by_row in document["differences"].items()
    }
    lines = [[", ".join(fields), *typed] for _, fields, typed in differing(values)]
    return [words("compare.field"), *names], lines


def differing(values: Mapping[str, Sequence[Any]]) -> list[tuple[str, list[str], list[str]]]:
    """Fields that differ as (part of the configuration, fields, value in each model), in the order
    in which the parts are read. Fields of one part with the same values share a line.

    Args:
        values: field -> its value in each model, None where it has no such field.
    """
    shared: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for field, typed in _by_component(values).items():
        if len(set(typed)) > 1:  # an empty name is no other than none
            shared.setdefault((_part(field), tuple(typed)), []).append(field)
    parts = [*PARTS, REST, WATCHED]
    lines = [(part, fields, [*typed]) for (part, typed), fields in shared.items()]
    return sorted(lines, key=lambda line: parts.index(line[0]))


def _by_component(values: Mapping[str, Sequence[Any]]) -> dict[str, list[str]]:
    """Field -> values as they are typed. A small component of several kinds is one field: what
    only one of the kinds has says nothing about the others."""
    found = {field: [as_typed(value) for value in each] for field, each in values.items()}
    for field in [field for field in found if field.endswith(".kind")]:
        component = field.removesuffix(".kind")
        inside = [other for other in found if other.startswith(f"{component}.") and other != field]
        if len(inside) > _MOST_INSIDE:
            continue
        kinds = found.pop(field)
        rest = {other.removeprefix(f"{component}."): found.pop(other) for other in inside}
        found[component] = [
            ", ".join([kind, *(f"{name} {each[at]}" for name, each in rest.items() if each[at])])
            for at, kind in enumerate(kinds)
        ]
        found.pop(component.rpartition(".")[0], None)  # an empty list of such components
    return found


def _part(field: str) -> str:
    if field in _WRITTEN or field.startswith(("doctor.", "scoring.")):
        return WATCHED
    first = field.partition(".")[0]
    return next((part for part, roots in PARTS.items() if first in roots), REST)


def number_text(value: dict[str, Any] | None, words: Words = ENGLISH) -> str:
    """A number over seeds as text, its spread or interval on a second line."""
    if value is None:
        return ""
    # Seeds say more about a recipe than the bootstrap, which only knows one run's images.
    several = len(value["each"]) > 1
    ends = [value["least"], value["greatest"]] if several else value["intervals"][0]
    around = ""
    if ends is not None:
        low, high = (in_digits(end, value["median"]) for end in ends)
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
