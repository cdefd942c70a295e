"""report.html, the page of one run, and the view of a run in a notebook."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

from saddlepoint.core.runs import Run
from saddlepoint.reporting import embedded, page
from saddlepoint.reporting.facts import Facts, flat
from saddlepoint.reporting.figures import drawn
from saddlepoint.reporting.findings import findings_section, treatments_of
from saddlepoint.reporting.latents import latent_sections
from saddlepoint.reporting.plots import curves_section
from saddlepoint.reporting.scores import scores_section
from saddlepoint.reporting.strings import ENGLISH, Words
from saddlepoint.reporting.wording import wording_of


def write_report(
    run: Run,
    preset: Mapping[str, Any] | None = None,
    again: Mapping[str, str] | None = None,
    words: Words = ENGLISH,
) -> Path:
    """Write report.html: all that the run's folder tells, readable without a network.

    Args:
        preset: the JSON of the preset that the run started from; fields that differ are marked.
        again: the commands that make this run: a key `report.KEY` of the texts -> command.

    Returns:
        The path of the page.

    Raises:
        InputError: config.json, status.json or a file of scores is damaged.
        OSError: the page cannot be written.
    """
    facts = Facts.of(run)
    go_on = {words(f"next.{key}"): line for key, line in facts.commands().items()}
    sections = [
        findings_section(facts, words),
        _samples(facts, words),
        scores_section(run, words),
        *latent_sections(facts, words),
        curves_section(drawn(run, words=words), words),
        _reproduce(facts, again or {}, words),
        page.section(words("report.go-on"), page.commands(go_on)) if go_on else "",
        _configuration(facts, preset, words),
        page.section(words("report.data"), page.record(facts.data)),
        page.section(words("report.environment"), page.record(facts.origin())),
    ]
    return page.write_page(
        run.report_file, facts.title(words), sections, words, _head(facts, words)
    )


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
    alt = f"Newest grid of samples, {facts.title()}"
    picture = embedded.image(run.samples[-1], alt, 320, 800, style) if run.samples else ""
    return (
        '<div style="display:flex;flex-wrap:wrap;gap:20px;align-items:flex-start">'
        f"{picture}<div><b>{escape(facts.title())}</b> ({escape(facts.state_sentence())})"
        f"{page.table(rows)}</div></div>"
    )


# -- parts of the page -----------------------------------------------------------------------------


def _head(facts: Facts, words: Words) -> str:
    tiles = "".join(
        f"<div><dt>{escape(label)}</dt><dd>{escape(value)}</dd></div>"
        for label, value in facts.summary(words).items()
    )
    state = facts.state
    css = f"state {state}" if state in ("finished", "failed") else "state"
    why = facts.state_sentence(words)
    sentence = ""
    if why != facts.state_in(words):
        sentence = f'<p class="failure">{escape(why[:1].upper() + why[1:])}.</p>'
    return (
        f'<header>\n<div class="head"><h1>{escape(facts.title(words))}</h1>'
        f'<span class="{css}">{escape(facts.state_in(words))}</span></div>\n{sentence}'
        f'<dl class="facts">{tiles}</dl>\n</header>'
    )


def _samples(facts: Facts, words: Words) -> str:
    run = facts.run
    newest = embedded.newest_grid(run, facts.title(words), words, words("report.averaged"))
    earlier = embedded.frames(run, facts.title(words), words)
    if "<img" in earlier:
        note = f'<p class="note">{escape(words("report.same-latents"))}</p>'
        title = f"<h3>{escape(words('report.developed'))}</h3>"
        earlier = f"{title}{note if facts.is_image else ''}{earlier}"
    if newest:
        shown = (newest, embedded.reals(run, words("report.real"), words))
        return page.section(words("report.samples"), embedded.film(shown, [earlier], words))
    why = words("report.unreadable" if run.samples else "report.no-samples")
    return page.section(words("report.samples"), earlier if "<img" in earlier else "", why)


def _reproduce(facts: Facts, again: Mapping[str, str], words: Words) -> str:
    if not again:
        return ""
    note = words("report.reproduce-note")
    note += words("report.reproduce-treated") if treatments_of(facts.run) else ""
    lines = {words(f"report.{key}"): line for key, line in again.items()}
    return page.section(words("report.reproduce"), page.commands(lines), note)


def _configuration(facts: Facts, preset: Mapping[str, Any] | None, words: Words) -> str:
    fields = flat(facts.config)
    if not fields:
        return ""
    # Without a preset to compare with (a Config of one's own) nothing is marked.
    usual = fields if preset is None else flat(preset)
    changed = {name for name, value in fields.items() if usual.get(name) != value}
    note = words("report.marked", preset=facts.config.get("preset")) if changed else ""
    rows = page.table(fields, changed, words("page.changed"))
    shown = page.folded(words("report.fields", n=len(fields)), rows, opened=True)
    return page.section(words("report.configuration"), shown, note)
