"""The page of `saddle lab lecture`: our table beside the lecture's, with curves and grids."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from saddlepoint.core.runs import Run
from saddlepoint.core.texts import Text
from saddlepoint.evaluation.compare import compare_runs
from saddlepoint.reporting import embedded, page
from saddlepoint.reporting.comparison_tables import difference_table, number_table
from saddlepoint.reporting.facts import Facts
from saddlepoint.reporting.figures import drawn
from saddlepoint.reporting.plots import curves_section
from saddlepoint.reporting.several import Again, doctors_table, each_run
from saddlepoint.reporting.strings import Words


@dataclass(frozen=True, kw_only=True)
class Part:
    """One data set of the lecture, with what it published."""

    title: Text
    published: Mapping[str, tuple[float, float, float]]
    """Row of the lecture's table -> precision, recall, FID."""
    protocol: Text
    """How the published numbers were made, as far as the lecture says."""


def write_lecture(
    parts: Sequence[tuple[Part, Sequence[Run]]],
    out: Path,
    recipe: str,
    left_out: str,
    command: str,
    again: Again,
    words: Words,
) -> Path:
    """Write the page.

    Args:
        parts: each with the runs that were trained on its data.
        recipe: what the settings of the models have in common, in a sentence.
        left_out: what could not be done; "" when nothing is.
        command: that makes the page again.
    """
    sections = [f"<p>{escape(recipe)}</p>"]
    if left_out:
        said = escape(words("lab.left-out", what=left_out))
        sections.append(f'<p class="failure">{said}</p>')
    curves, every = [], []
    for part, runs in parts:
        data, title = Facts.of(runs[0]).data["name"], part.title.to(words.language)
        comparison = compare_runs(runs)
        sections.append(page.section(title, _tables(part, comparison, words)))
        if comparison["differences"]:
            differences = page.grid_table(*difference_table(comparison, words))
            note = words("lab.differs-note")
            sections.append(page.section(words("lab.differs", data=data), differences, note))
        grids = _grids(runs, embedded.reals(runs[0], words("lab.real", data=data), words), words)
        note = words("compare.same-latents")
        sections.append(page.section(words("lab.samples", data=data), grids, note))
        for run in runs:
            name = f"{_name(run, words)}, {title.partition(':')[0]}"
            every.append((run, name))
            curves += drawn(run, ("losses", "distance", "steps"), f"{name}: {{title}}", words)
    sections.append(doctors_table(every, words))
    sections.append(curves_section(curves, words))
    sections.append(each_run(every, again, words))
    lines = page.commands({words("lab.again"): command})
    sections.append(page.section(words("report.reproduce"), lines))
    return page.write_page(out, words("lab.lecture"), sections, words)


def _tables(part: Part, comparison: dict[str, Any], words: Words) -> str:
    used = comparison["protocol"]
    features = used["features"]["kind"]
    note = words(
        "lab.measured",
        n_fake=words.number(f"{used['n_fake']:,}"),
        n_real=words.number(f"{used['n_real']:,}"),
        features=features,
        k=used["k"],
    )
    note += words("lab.inception") if features != "inception" else ""
    body = page.grid_table(*number_table(comparison, words))
    if part.published:
        # The lecture's numbers are Inception's; no others may be read beside them.
        note += words("lab.not-inception") if features != "inception" else ""
        measures = zip(("precision", "recall", "fid"), *part.published.values(), strict=True)
        theirs = [
            [name, *(words.number(f"{number:.5g}") for number in numbers)]
            for name, *numbers in measures
        ]
        here, there = escape(words("lab.here")), escape(words("lab.theirs"))
        table = page.grid_table([words("compare.measure"), *part.published], theirs)
        body = f"<h3>{here}</h3>{body}<h3>{there}</h3>{table}"
        note += f" {part.protocol.to(words.language)}"
    return f'{body}<p class="note">{escape(note)}</p>'


def _grids(runs: Sequence[Run], reals: str, words: Words) -> str:
    """The grids of the first seed, with those of the others folded away below."""
    by_seed: dict[int, list[tuple[Run, str]]] = {}
    for run in runs:
        by_seed.setdefault(run.document["config"]["seed"], []).append((run, _name(run, words)))
    first, *others = by_seed.values()
    shown = embedded.films(first, words, reals)
    # Several seeds show the spread in the table; a page of all grids would hide it.
    if not others:
        return shown
    grids = "".join(
        embedded.pair(embedded.newest_grid(run, name, words) for run, name in seed)
        for seed in others
    )
    return shown + page.folded(words("lab.others"), grids)


def _name(run: Run, words: Words) -> str:
    config = run.document["config"]
    return words("lab.seed", preset=config["preset"], seed=config["seed"])
