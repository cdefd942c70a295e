"""report.html: one page that needs nothing else, and the view of a run in a notebook."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from saddlepoint.core.files import write_atomically
from saddlepoint.core.runs import Run, images_of
from saddlepoint.reporting.facts import Facts, flat
from saddlepoint.reporting.figures import PANELS
from saddlepoint.reporting.findings import findings_section
from saddlepoint.reporting.page import (
    WITHOUT_PLOTLY,
    curves_of,
    figure_of,
    page_of,
    section,
    table,
)
from saddlepoint.reporting.pictures import picture_uri, spread
from saddlepoint.reporting.wording import Wording, wording_of

STRIP = 8
"""Earlier grids in the film strip, at most."""


def write_report(run: Run, preset: Mapping[str, Any] | None = None) -> Path:
    """Write report.html: pictures, curves and configuration, readable without a network.

    Args:
        preset: the JSON of the preset that the run started from; fields that differ are marked.

    Returns:
        The path of the page.

    Raises:
        InputError: config.json or status.json is not JSON.
        OSError: the page cannot be written.
    """
    facts = Facts.of(run)
    wording = wording_of(facts.config.get("loss") or {})
    sections = [
        _head(facts),
        findings_section(facts),
        _samples(facts),
        _film(facts),
        _curves(facts, wording),
        _commands(facts),
        _configuration(facts, preset),
        section("Data", table(facts.data_rows())),
        section("Where it comes from", table(facts.origin_rows())),
    ]
    page = page_of(facts.title, sections)
    write_atomically(run.report_file, page.encode())
    return run.report_file


def notebook_view(run: Run) -> str:
    """A run as a notebook shows it: state, losses, newest grid. Works on a run just begun."""
    facts = Facts.of(run)
    rows = facts.summary()
    critic = wording_of(facts.config.get("loss") or {}).critic.capitalize()
    for column, label in (("loss_d", f"{critic} loss"), ("loss_g", "Generator loss")):
        value = facts.last(column)
        if value is not None:
            rows[label] = f"{value:.3f}"
    rows["Folder"] = str(run.path)
    samples = run.samples
    uri = picture_uri(samples[-1], shortest=320, longest=800) if samples else None
    picture = ""
    if uri is not None:
        alt = escape(_grid_alt(facts, samples[-1]))
        picture = f'<img src="{uri}" alt="{alt}" style="max-width:320px;width:100%;height:auto">'
    cell = "text-align:left;padding:2px 12px 2px 0;background:none"
    body = "".join(
        f'<tr><th style="{cell};font-weight:normal;opacity:.7">{escape(label)}</th>'
        f'<td style="{cell}">{escape(value)}</td></tr>'
        for label, value in rows.items()
    )
    return (
        '<div style="display:flex;flex-wrap:wrap;gap:20px;align-items:flex-start">'
        f"{picture}<div><b>{escape(facts.title)}</b> ({escape(facts.state_sentence)})"
        f'<table style="margin-top:6px;border:0">{body}</table></div></div>'
    )


# -- parts of the page -----------------------------------------------------------------------------


def _head(facts: Facts) -> str:
    tiles = "".join(
        f"<div><dt>{escape(label)}</dt><dd>{escape(value)}</dd></div>"
        for label, value in facts.summary().items()
    )
    state = facts.state
    css = f"state {state}" if state in ("finished", "failed") else "state"
    sentence = ""
    if facts.state_sentence != state:
        sentence = f'<p class="failure">{escape(facts.state_sentence.capitalize())}.</p>'
    return (
        f'<header>\n<div class="head"><h1>{escape(facts.title)}</h1>'
        f'<span class="{css}">{escape(state)}</span></div>\n{sentence}'
        f'<dl class="facts">{tiles}</dl>\n</header>'
    )


def _samples(facts: Facts) -> str:
    samples = facts.run.samples
    if not samples:
        return section("Samples", '<p class="note">No sample grid has been drawn yet.</p>')
    newest = figure_of(
        samples[-1],
        _grid_alt(facts, samples[-1]),
        f"Generated, after {images_of(samples[-1]):,} real images (averaged weights)",
    )
    reals = figure_of(
        facts.run.samples_folder / "reals.png",
        f"Grid of real items from {facts.data.get('name', 'the data')}",
        "Real, from the training data",
    )
    if not newest:
        return section("Samples", '<p class="note">The newest grid cannot be read.</p>')
    return section("Newest samples", f'<div class="pair">{newest}{reals}</div>')


def _film(facts: Facts) -> str:
    earlier = facts.run.samples[:-1]
    items = []
    for path in spread(earlier, STRIP):
        uri = picture_uri(path, shortest=320, longest=400)
        if uri is not None:
            alt = escape(_grid_alt(facts, path))
            items.append(
                f'<li><figure><img src="{uri}" alt="{alt}" loading="lazy">'
                f"<figcaption>{images_of(path):,} images</figcaption></figure></li>"
            )
    if not items:
        return ""
    note = (
        "The same latents every time: what changes in a place is what the generator learned. "
        "Places that grow alike are the beginning of a collapse."
    )
    strip = f'<ol class="strip">{"".join(items)}</ol>'
    return section("How they came to be", strip, note if facts.is_image else "")


def _curves(facts: Facts, wording: Wording) -> str:
    if not len(facts.history):
        return section("Curves", '<p class="note">No metrics have been written yet.</p>')
    if find_spec("plotly") is None:
        return section("Curves", WITHOUT_PLOTLY)
    figures = [
        (panel.name, panel.title.format(critic=wording.critic), figure, panel.reading(wording))
        for panel in PANELS
        if (figure := panel.draw(facts.history, wording)) is not None
    ]
    if not figures:
        return section("Curves", '<p class="note">The metrics hold no value to draw.</p>')
    return section("Curves", curves_of(figures))


def _commands(facts: Facts) -> str:
    parts = [
        f'<p class="command">{escape(purpose)}</p><pre><code>{escape(command)}</code></pre>'
        for purpose, command in facts.commands().items()
    ]
    if not parts:
        return ""
    return section("How to go on", "".join(parts))


def _configuration(facts: Facts, preset: Mapping[str, Any] | None) -> str:
    fields = flat(facts.config)
    if not fields:
        return ""
    usual = fields if preset is None else flat(preset)
    changed = {name for name, value in fields.items() if usual.get(name) != value}
    note = f"Marked: differs from the preset {facts.config.get('preset')}." if changed else ""
    rows = table(fields, changed)
    return section(
        "Configuration",
        f"<details open><summary>{len(fields)} fields</summary>{rows}</details>",
        note,
    )


def _grid_alt(facts: Facts, path: Path) -> str:
    return f"Grid of generated samples, {facts.title}, after {images_of(path):,} real images"
