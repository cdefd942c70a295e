"""The page of `saddle compare`: numbers, grids of the same latents, curves, what differs."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from saddlepoint.core.outputs import writing
from saddlepoint.core.runs import Run
from saddlepoint.evaluation.scores import in_digits
from saddlepoint.reporting import page
from saddlepoint.reporting.embedded import films
from saddlepoint.reporting.facts import as_typed, saddle_command
from saddlepoint.reporting.figure_words import figure_in
from saddlepoint.reporting.overlays import overlays_of
from saddlepoint.reporting.plots import curves_section
from saddlepoint.reporting.several import Again, doctors_table, each_run
from saddlepoint.reporting.strings import ENGLISH, Words

FIRST = ("precision", "recall", "fid", "coverage", "density", "kid_subsets", "label_accuracy")
"""Numbers that come first, in this order, where they were measured."""
MOST_OVERLAID = 8
"""Of curves over one another more cannot be told apart."""


def write_comparison(
    document: dict[str, Any], out: Path, again: Again, words: Words = ENGLISH
) -> Path:
    """Write the page; every row shows the newest grid of its first run.

    Args:
        out: from `output_file`.

    Raises:
        InputError, RunFailed: it cannot be written.
    """
    rows = document["rows"]
    runs = [(Run(row["runs"][0]), row["name"]) for row in rows]
    every = [
        (Run(path), row["name"] if len(row["runs"]) == 1 else f"{row['name']}, seed {seed}")
        for row in rows
        for path, seed in zip(row["runs"], row["seeds"], strict=True)
    ]
    numbers = page.grid_table(*number_table(document, words))
    sections = [
        page.section(words("compare.numbers"), numbers, words("compare.numbers-note")),
        page.section(words("compare.samples"), films(runs, words), words("compare.same-latents")),
        curves_section(_curves(runs, words), words),
        doctors_table(every, words),
    ]
    if document["differences"]:
        differences = page.grid_table(*difference_table(document, words))
        sections.append(page.section(words("compare.differs"), differences))
    protocol = page.record(document["protocol"])
    sections.append(page.section(words("compare.protocol"), protocol))
    sections.append(each_run(every, again, words))
    paths = shlex.join(path for row in rows for path in row["runs"])
    lang = "" if words.language == "en" else f" --lang {words.language}"
    command = f"{saddle_command()} compare {paths} --out {shlex.quote(str(out))}{lang}"
    sections.append(
        page.section(words("report.reproduce"), page.commands({words("compare.again"): command}))
    )
    title = words("compare.title", names=", ".join(row["name"] for row in rows))
    with writing(f"--out {out}"):
        return page.write_page(out, title, sections, words)


def _curves(runs: Sequence[tuple[Run, str]], words: Words) -> list[tuple[str, Any, str]]:
    """The figures of the runs over one another, as many runs as can be told apart."""
    read = [(name, run.document, run.history) for run, name in runs[:MOST_OVERLAID]]
    found = []
    for one in overlays_of(read):
        title, figure, _ = figure_in(words, "", one.panel, one.title, one.figure, "")
        label = words.get(f"figures.curve.{one.label}", one.label)
        found.append((f"{title}: {label}" if label else title, figure, ""))
    return found


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
