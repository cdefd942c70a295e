"""The doctor's part of a report: what was found, what shows it, what may cure it."""

from __future__ import annotations

from html import escape
from typing import Any

from saddlepoint.core import registry
from saddlepoint.core.findings import Evidence, Finding
from saddlepoint.diagnosis.diagnose import Diagnosis, diagnose
from saddlepoint.reporting.facts import Facts
from saddlepoint.reporting.page import figure_of, grid_table, section


def findings_section(facts: Facts) -> str:
    """The section of report.html; of a run without metrics, nothing."""
    if not len(facts.history):
        return ""
    diagnosis = diagnose(facts.run)
    parts = [_finding(finding, facts) for finding in diagnosis.findings]
    parts.append(_story(facts.run.findings))
    if not diagnosis.findings:
        parts.insert(0, f'<p class="note">{escape(_silence(diagnosis))}</p>')
    return section("The doctor", "\n".join(part for part in parts if part))


def _silence(diagnosis: Diagnosis) -> str:
    if not diagnosis.watched:
        return (
            "No doctor looked while this run trained (--doctor off): only its losses speak, and "
            "they show no failure."
        )
    return f"Nothing is found at the end of {diagnosis.rows} checks."


def _finding(finding: Finding, facts: Facts) -> str:
    rows = [
        (item.name, f"{item.value:.4g}", _healthy(item), item.note) for item in finding.evidence
    ]
    evidence = grid_table(("Evidence", "Value", "Healthy", "What it is"), rows) if rows else ""
    advice = "".join(
        f"<li>{escape(registry.get('remedy', name).advice)} <code>{escape(name)}</code></li>"
        for name in finding.remedies
    )
    remedies = f"<p>What may help, best first:</p><ol>{advice}</ol>" if advice else ""
    return (
        f'<article class="finding {finding.severity}"><h3>{escape(finding.name)}</h3>'
        f"<p>{escape(finding.message)} (Since step {finding.since_step:,}.)</p>"
        f"{evidence}{_missing(finding, facts)}{remedies}</article>"
    )


def _missing(finding: Finding, facts: Facts) -> str:
    """Real images of what the generator leaves out, a row of them for each class or region."""
    if not finding.missing:
        return ""
    classes = [str(name) for name in facts.data.get("classes") or []]
    last = next((row for row in reversed(facts.history.rows) if "bins" in row), {})
    named = bool(last.get("bins_are_classes")) and max(finding.missing) < len(classes)
    names = [classes[i] if named else f"region {i}" for i in finding.missing]
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


def _story(lines: list[dict[str, Any]]) -> str:
    """What findings.jsonl tells, in its order."""
    rows = []
    for line in lines:
        what = str(line.get("message") or line.get("event") or "")
        event = str(line.get("event", "found"))
        rows.append((f"{int(line.get('at_images', 0)):,}", event, str(line.get("name", "")), what))
    if not rows:
        return ""
    table = grid_table(("Images", "Event", "Name", "What was seen or done"), rows)
    return f"<details><summary>All that happened ({len(rows)})</summary>{table}</details>"


def _healthy(item: Evidence) -> str:
    low, high = item.healthy
    if low is None and high is None:
        return ""
    if low is None:
        return f"at most {high:.4g}"
    return f"at least {low:.4g}" if high is None else f"{low:.4g} to {high:.4g}"
