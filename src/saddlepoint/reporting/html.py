"""report.html, the page of one run, and the view of a run in a notebook."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

from saddlepoint.core.runs import Run
from saddlepoint.core.snapshot_names import images_of
from saddlepoint.reporting import page
from saddlepoint.reporting.facts import Facts, flat
from saddlepoint.reporting.figures import drawn
from saddlepoint.reporting.findings import findings_section
from saddlepoint.reporting.scores import scores_section
from saddlepoint.reporting.wording import wording_of
from saddlepoint.sampling.outputs import spread

STRIP = 8
"""Earlier grids in the film strip, at most."""


def write_report(run: Run, preset: Mapping[str, Any] | None = None) -> Path:
    """Write report.html: scores, pictures, curves and configuration, readable without a network.

    Args:
        preset: the JSON of the preset that the run started from; fields that differ are marked.

    Returns:
        The path of the page.

    Raises:
        InputError: config.json, status.json or a file of scores is damaged.
        OSError: the page cannot be written.
    """
    facts = Facts.of(run)
    how_to_go_on = page.commands(facts.commands())
    sections = [
        findings_section(facts),
        _samples(facts),
        scores_section(run),
        _film(facts),
        page.curves_section(drawn(run)),
        page.section("How to go on", how_to_go_on) if how_to_go_on else "",
        _configuration(facts, preset),
        page.section("Data", page.table(flat(facts.data))),
        page.section("Where it comes from", page.table(flat(facts.origin()))),
    ]
    return page.write_page(run.report_file, facts.title, sections, _head(facts))


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
    style = ' style="max-width:320px;width:100%;height:auto"'
    alt = f"Newest grid of samples, {facts.title}"
    picture = page.image(run.samples[-1], alt, 320, 800, style) if run.samples else ""
    return (
        '<div style="display:flex;flex-wrap:wrap;gap:20px;align-items:flex-start">'
        f"{picture}<div><b>{escape(facts.title)}</b> ({escape(facts.state_sentence)})"
        f"{page.table(rows)}</div></div>"
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
    newest = page.newest_grid(facts.run, facts.title, " (averaged weights)")
    if newest:
        reals = page.reals(facts.run, "Real, from the training data")
        return page.section("Newest samples", page.pair((newest, reals)))
    drawn_one = bool(facts.run.samples)
    why = "The newest grid cannot be read." if drawn_one else "No sample grid has been drawn yet."
    return page.section("Samples", note=why)


def _film(facts: Facts) -> str:
    # Not the newest grid: it stands above, and large.
    earlier = [(path, f"{images_of(path):,} images") for path in facts.run.samples[:-1]]
    items = [
        page.figure(page.image(path, f"Samples after {after}", 320, 400, ' loading="lazy"'), after)
        for path, after in spread(earlier, STRIP)
    ]
    if not any(items):
        return ""
    note = (
        "The same latents every time: a change in one place is what the generator learned. "
        "Places that grow alike are the beginning of a collapse."
    )
    strip = f'<ol class="strip">{"".join(f"<li>{item}</li>" for item in items if item)}</ol>'
    return page.section("How they developed", strip, note if facts.is_image else "")


def _configuration(facts: Facts, preset: Mapping[str, Any] | None) -> str:
    fields = flat(facts.config)
    if not fields:
        return ""
    # Without a preset to compare with (a Config of one's own) nothing is marked.
    usual = fields if preset is None else flat(preset)
    changed = {name for name, value in fields.items() if usual.get(name) != value}
    note = f"Marked: differs from the preset {facts.config.get('preset')}." if changed else ""
    rows = page.folded(f"{len(fields)} fields", page.table(fields, changed), opened=True)
    return page.section("Configuration", rows, note)
