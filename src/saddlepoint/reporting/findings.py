"""The doctor's part of a report: what was found, what shows it, what may help."""

from __future__ import annotations

from html import escape

from saddlepoint.core import registry
from saddlepoint.core.findings import Finding
from saddlepoint.diagnosis.diagnose import Diagnosis, diagnose
from saddlepoint.reporting.facts import Facts
from saddlepoint.reporting.page import figure_of, grid_table, section


def findings_section(facts: Facts) -> str:
    """The section of report.html; "" for a run without metrics."""
    if not len(facts.history):
        return ""
    diagnosis = diagnose(facts.run)
    parts = [
        article(finding, f"Since step {finding.since_step:,}.", _advice(finding, facts))
        for finding in diagnosis.findings
    ]
    if not parts:
        parts.append(f'<p class="note">{escape(_silence(diagnosis))}</p>')
    return section("The doctor", "\n".join([*parts, _story(facts)]))


def article(finding: Finding, when: str, more: str = "") -> str:
    """A finding with its message and evidence.

    Args:
        when: a sentence on when it was found.
        more: HTML that goes below the evidence.
    """
    rows = [(e.name, f"{e.value:.4g}", e.healthy_text, e.note) for e in finding.evidence]
    evidence = grid_table(("Evidence", "Value", "Healthy", "What it is"), rows) if rows else ""
    return (
        f'<article class="finding {finding.severity}"><h3>{escape(finding.name)}</h3>'
        f"<p>{escape(finding.message)} ({when})</p>{evidence}{more}</article>"
    )


def _silence(diagnosis: Diagnosis) -> str:
    if not diagnosis.watched:
        return (
            "The doctor was off while this run trained (--doctor off); its losses alone show no "
            "failure."
        )
    return f"Nothing wrong at the end, after {diagnosis.rows} checks."


def _advice(finding: Finding, facts: Facts) -> str:
    items = "".join(
        f"<li>{escape(registry.get('remedy', name).advice)} <code>{escape(name)}</code></li>"
        for name in finding.remedies
    )
    remedies = f"<p>What may help, best first:</p><ol>{items}</ol>" if items else ""
    return _missing(finding, facts) + remedies


def _missing(finding: Finding, facts: Facts) -> str:
    """Real images of what the generator leaves out, a row of them per class or region."""
    if not finding.missing:
        return ""
    names = facts.bin_names(finding.missing)
    pictures = [
        figure_of(
            facts.run.samples_folder / "bins" / f"{index:02d}.png",
            f"Real images of {name}, which the generator leaves out",
            name,
        )
        for index, name in zip(finding.missing, names, strict=True)
    ]
    shown = f'<div class="bins">{"".join(pictures)}</div>' if any(pictures) else ""
    return f"<p>Left out: {escape(', '.join(names))}.</p>{shown}"


def _story(facts: Facts) -> str:
    """The lines of findings.jsonl, in their order."""
    # Lines of old runs may lack a field; a report of them must not fail.
    rows = []
    for line in facts.run.findings:
        what = str(line.get("message") or line.get("event") or "")
        event = str(line.get("event", "found"))
        rows.append((f"{int(line.get('at_images', 0)):,}", event, str(line.get("name", "")), what))
    if not rows:
        return ""
    table = grid_table(("Images", "Event", "Name", "What was seen or done"), rows)
    return f"<details><summary>Everything that happened ({len(rows)})</summary>{table}</details>"
