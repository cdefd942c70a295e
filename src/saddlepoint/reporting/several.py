"""What a page of several runs tells of each: what the doctor found, and all that makes it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from saddlepoint.core.runs import Run
from saddlepoint.reporting import page
from saddlepoint.reporting.facts import Facts
from saddlepoint.reporting.findings import all_found, ending_in, treatments_of
from saddlepoint.reporting.latents import latent_sections
from saddlepoint.reporting.strings import Words

Again = Callable[[Run], Mapping[str, str]]
"""A run -> the commands that make it: a key `report.KEY` of the texts -> command."""
MOST = 12
"""Runs whose latents are shown: each takes about a second, and up to 200 KB of the page."""


def doctors_table(runs: Sequence[tuple[Run, str]], words: Words) -> str:
    """A row for each run: what was found, what was done, what is left.

    Args:
        runs: each with its name.
    """
    heads = [words(f"compare.{key}") for key in ("run", "found", "treated", "ending")]
    rows = [
        (
            name,
            all_found(run, words),
            ", ".join(line["remedy"] for line in treatments_of(run)) or words("page.none"),
            ending_in(run, words),
        )
        for run, name in runs
    ]
    return page.section(words("compare.doctor"), page.grid_table(heads, rows))


def each_run(runs: Sequence[tuple[Run, str]], again: Again, words: Words) -> str:
    """The section in which each run's directions, nearest images, configuration, environment and
    commands are folded away."""
    parts = []
    for number, (run, name) in enumerate(runs):
        facts = Facts.of(run)
        lines = {words(f"report.{key}"): line for key, line in again(run).items()}
        latents = latent_sections(facts, words, small=True) if number < MOST else []
        body = "".join(latents) + page.commands(lines)
        for key, rows in (("configuration", facts.config), ("environment", facts.origin())):
            body += page.folded(words(f"several.{key}"), page.record(rows))
        parts.append(page.folded(name, body))
    return page.section(words("several.each"), "".join(parts))
