"""The page of `saddle lab lecture`: our table beside the lecture's, with curves and grids."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from saddlepoint.core.files import write_atomically
from saddlepoint.core.runs import Run, images_of
from saddlepoint.reporting.comparison import number_text
from saddlepoint.reporting.figures import PANELS
from saddlepoint.reporting.page import (
    WITHOUT_PLOTLY,
    curves_of,
    figure_of,
    grid_table,
    page_of,
    section,
)
from saddlepoint.reporting.wording import wording_of

MEASURES = ("precision", "recall", "fid", "coverage", "label_accuracy", "memorised")
LOSSES = PANELS[0]
Part = tuple[str, Mapping[str, tuple[float, float, float]], str, dict[str, Any], list[Run]]
"""(title, the lecture's rows, how they were made, a comparison, its runs)."""


def write_lecture(parts: Sequence[Part], out: Path, left_out: str) -> Path:
    """Write the page.

    Args:
        left_out: what could not be done, or "".
    """
    title = "The lecture's experiments"
    sections = [f'<header><div class="head"><h1>{title}</h1></div></header>']
    if left_out:
        sections.append(f'<p class="failure">Left out: {escape(left_out)}.</p>')
    figures = []
    for number, (heading, published, protocol, comparison, runs) in enumerate(parts):
        sections.append(section(heading, _tables(published, protocol, comparison)))
        sections.append(section("Samples", _grids(runs), "The same latents in every grid."))
        figures += _losses(number, heading, runs)
    if find_spec("plotly") is None:
        sections.append(section("Losses", WITHOUT_PLOTLY))
    elif figures:
        sections.append(section("Losses", curves_of(figures)))
    out.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(out, page_of(title, sections).encode())
    return out


def _tables(
    published: Mapping[str, tuple[float, float, float]], protocol: str, comparison: dict[str, Any]
) -> str:
    measured = [name for name in MEASURES if any(name in r["values"] for r in comparison["rows"])]
    ours = [
        [
            row["name"],
            f"{max(row['kimg']):,.0f}",
            str(len(row["runs"])),
            *(number_text(row["values"].get(name)) for name in measured),
        ]
        for row in comparison["rows"]
    ]
    theirs = [
        [name, f"{precision:.4f}", f"{recall:.4f}", f"{fid:.2f}"]
        for name, (precision, recall, fid) in published.items()
    ]
    used = comparison["protocol"]
    features = used["features"]["kind"]
    differs = (
        f"Ours: {used['n_fake']:,} samples against {used['n_real']:,} real images, features of "
        f"{features}, k = {used['k']}."
    )
    if features != "inception":
        differs += (
            " These features are not Inception's, so the two tables do not compare, least of all "
            "in FID: it has the scale of the features."
        )
    return (
        "<h3>Measured here</h3>"
        + grid_table(["model", "kimg", "runs", *measured], ours)
        + "<h3>The lecture's table</h3>"
        + grid_table(["model", "precision", "recall", "FID"], theirs)
        + f'<p class="note">{escape(differs)} {escape(protocol)}</p>'
    )


def _grids(runs: Sequence[Run]) -> str:
    """The grids of the first seed; those of the others folded away below."""
    by_seed: dict[int, list[str]] = {}
    seeds = {run.document["config"]["seed"] for run in runs}
    for run in runs:
        if not run.samples:
            continue
        config = run.document["config"]
        name = config["preset"] + (f", seed {config['seed']}" if len(seeds) > 1 else "")
        caption = f"{name}, after {images_of(run.samples[-1]):,} real images"
        figure = figure_of(run.samples[-1], f"Grid of samples of {name}", caption)
        by_seed.setdefault(config["seed"], []).append(figure)
    if not by_seed:
        return ""
    first, *others = (f'<div class="pair">{"".join(figures)}</div>' for figures in by_seed.values())
    if not others:
        return first
    return f"{first}<details><summary>The other seeds</summary>{''.join(others)}</details>"


def _losses(number: int, heading: str, runs: Sequence[Run]) -> list[tuple[str, str, Any, str]]:
    if find_spec("plotly") is None:
        return []
    found = []
    for index, run in enumerate(runs):
        config = run.document["config"]
        wording = wording_of(config.get("loss") or {})
        figure = LOSSES.draw(run.history, wording)
        if figure is not None:
            title = f"{config['preset']}, {heading.partition(':')[0].partition(',')[0]}"
            found.append((f"{number}-{index}", title, figure, LOSSES.reading(wording)))
    return found
