"""The page of `saddle lab lecture`: our table beside the lecture's, with curves and grids."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from saddlepoint.core.runs import Run
from saddlepoint.evaluation.compare import compare_runs
from saddlepoint.reporting import page
from saddlepoint.reporting.comparison import difference_table, number_table
from saddlepoint.reporting.facts import Facts
from saddlepoint.reporting.figures import drawn

DIFFERS = (
    "All settings in which the models differ, from their configurations: whatever is in this table "
    "may be why a number above is higher."
)


@dataclass(frozen=True, kw_only=True)
class Part:
    """One data set of the lecture, with what it published."""

    title: str
    published: Mapping[str, tuple[float, float, float]]
    """Row of the lecture's table -> precision, recall, FID."""
    protocol: str
    """How the published numbers were made, as far as the lecture says."""


def write_lecture(
    parts: Sequence[tuple[Part, Sequence[Run]]], out: Path, recipe: str, left_out: str = ""
) -> Path:
    """Write the page.

    Args:
        parts: each with the runs that were trained on its data.
        recipe: what the settings of the models have in common, in a sentence.
        left_out: what could not be done.
    """
    sections = [f"<p>{escape(recipe)}</p>"]
    sections += [f'<p class="failure">Left out: {escape(left_out)}.</p>'] if left_out else []
    curves = []
    for part, runs in parts:
        data = Facts.of(runs[0]).data["name"]
        grids = page.pair([page.reals(runs[0], f"real, {data}")]) + _grids(runs)
        comparison = compare_runs(runs)
        sections.append(page.section(part.title, _tables(part, comparison)))
        if comparison["differences"]:
            differences = page.grid_table(*difference_table(comparison))
            sections.append(page.section(f"What differs, {data}", differences, DIFFERS))
        note = "The same latents in every grid."
        sections.append(page.section(f"Samples, {data}", grids, note))
        for run in runs:
            title = f"{_name(run)}, {part.title.partition(':')[0]}: {{title}}"
            curves += drawn(run, ("losses", "distance", "steps"), title)
    sections.append(page.curves_section(curves))
    return page.write_page(out, "The lecture's experiments", sections)


def _tables(part: Part, comparison: dict[str, Any]) -> str:
    used = comparison["protocol"]
    features = used["features"]["kind"]
    note = (
        f"{used['n_fake']:,} samples of each model against {used['n_real']:,} real images, "
        f"features: {features}, k = {used['k']}."
    )
    if features != "inception":
        note += (
            " The same command with --features inception downloads InceptionV3's weights (95 MB) "
            "and measures with them as well."
        )
    body = page.grid_table(*number_table(comparison))
    if part.published:
        # The lecture's numbers are Inception's; no others may be read beside them.
        if features != "inception":
            note += (
                " These features are not Inception's, so the two tables do not compare, least of "
                "all in FID, which has the scale of the features."
            )
        measures = zip(("precision", "recall", "fid"), *part.published.values(), strict=True)
        theirs = [[name, *(f"{number:.5g}" for number in numbers)] for name, *numbers in measures]
        body = f"<h3>Measured here</h3>{body}<h3>The lecture's table</h3>" + page.grid_table(
            ["measure", *part.published], theirs
        )
        note += f" {part.protocol}"
    return f'{body}<p class="note">{escape(note)}</p>'


def _grids(runs: Sequence[Run]) -> str:
    """The grids of the first seed, with those of the others folded away below."""
    by_seed: dict[int, list[str]] = {}
    for run in runs:
        by_seed.setdefault(run.document["config"]["seed"], []).append(
            page.newest_grid(run, _name(run))
        )
    first, *others = (page.pair(figures) for figures in by_seed.values())
    # Several seeds show the spread in the table; a page of all grids would hide it.
    if not others:
        return first
    return first + page.folded("The other seeds", "".join(others))


def _name(run: Run) -> str:
    config = run.document["config"]
    return f"{config['preset']}, seed {config['seed']}"
