"""The page of `saddle compare`: numbers, grids of the same latents, curves, what differs."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from saddlepoint.core.outputs import writing
from saddlepoint.core.runs import Run
from saddlepoint.reporting import page
from saddlepoint.reporting.comparison_tables import difference_table, number_table
from saddlepoint.reporting.embedded import films
from saddlepoint.reporting.facts import evaluate_command, saddle_command
from saddlepoint.reporting.overlays import overlays_of
from saddlepoint.reporting.plots import curves_section
from saddlepoint.reporting.several import Again, doctors_table, each_run
from saddlepoint.reporting.strings import ENGLISH, Words

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
    unscored = page.commands(
        {
            words("compare.unscored", name=Path(path).name): evaluate_command(path)
            for path in document["unscored"]
        }
    )
    sections = [
        page.section(words("compare.numbers"), numbers + unscored, words("compare.numbers-note")),
        page.section(words("compare.samples"), films(runs, words), words("compare.same-latents")),
        curves_section(_curves(runs, words), words),
        doctors_table(every, words),
    ]
    if document["differences"]:
        differences = page.grid_table(*difference_table(document, words))
        sections.append(page.section(words("compare.differs"), differences))
    if document["protocol"]:
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
    overlays = overlays_of(read, words=words)
    return [(one.title, one.figure, one.text) for one in overlays]
