"""The doctor's part of a page: what was found, what shows it, what was done, what may help."""

from __future__ import annotations

from html import escape

from saddlepoint.core import registry
from saddlepoint.core.findings import Finding
from saddlepoint.core.runs import Run
from saddlepoint.diagnosis.diagnose import diagnose
from saddlepoint.reporting import page
from saddlepoint.reporting.facts import Facts

HEALTHY = "no finding"
"""What `ending` says of a run with which nothing is wrong."""


def findings_section(facts: Facts) -> str:
    """The section of report.html; "" for a run without metrics."""
    if not len(facts.history):
        return ""
    diagnosis = diagnose(facts.run)
    parts = [
        article(finding, f"Since step {finding.since_step:,}.", _advice(finding, facts))
        for finding in diagnosis.findings
    ]
    note = "" if parts else diagnosis.silence
    return page.section("The doctor", "\n".join([*parts, _story(facts)]), note)


def article(finding: Finding, when: str, more: str = "") -> str:
    """A finding with its message and evidence.

    Args:
        when: a sentence on when it was found.
        more: HTML that goes below the evidence.
    """
    rows = [(e.name, f"{e.value:.4g}", e.healthy_text, e.note) for e in finding.evidence]
    evidence = page.grid_table(("Evidence", "Value", "Healthy", "What it is"), rows) if rows else ""
    return (
        f'<article class="finding {finding.severity}"><h3>{escape(finding.name)}</h3>'
        f"<p>{escape(finding.message)} ({when})</p>{evidence}{more}</article>"
    )


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
    bins = facts.run.samples_folder / "bins"
    pictures = [
        page.figure(page.image(bins / f"{index:02d}.png", f"Real images of {name}"), name)
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
    table = page.grid_table(("Images", "Event", "Name", "What was seen or done"), rows)
    return page.folded(f"Everything that happened ({len(rows)})", table)


def first_finding(run: Run) -> str:
    """What the doctor found first, with the numbers behind it."""
    found = first_found(run)
    if found is None:
        return "<p>The doctor found nothing.</p>"
    names = {line["name"] for line in run.findings if line["event"] == "found"} - {found.name}
    also = f"<p>Later also: {escape(', '.join(sorted(names)))}.</p>" if names else ""
    return article(found, f"Found at {found.at_images:,} images.", also)


def treatments(run: Run) -> str:
    """What was done about it, in the order in which it was done."""
    lines = [f"<li>{escape(line['message'])}</li>" for line in treatments_of(run)]
    return f"<p>What was done:</p><ol>{''.join(lines)}</ol>" if lines else ""


def all_found(run: Run) -> str:
    """Names of all that was found, in that order."""
    found = dict.fromkeys(line["name"] for line in run.findings if line["event"] == "found")
    return ", ".join(found) or "nothing"


def first_found(run: Run) -> Finding | None:
    """The first fatal finding, or the first of any kind."""
    found = [Finding.from_json(line) for line in run.findings if line["event"] == "found"]
    # A warning often comes first, but the fatal one names what the case is about.
    fatal = [finding for finding in found if finding.severity == "fatal"]
    return next(iter(fatal or found), None)


def treatments_of(run: Run) -> list[dict[str, str]]:
    return list(run.document.get("treatments", []))


def ending(run: Run) -> str:
    """What is wrong with a run at its end."""
    names = [finding.name for finding in diagnose(run).findings if finding.severity != "info"]
    return ", ".join(names) or HEALTHY
