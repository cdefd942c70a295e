"""The doctor's part of a page: what was found, what shows it, what was done, what may help."""

from __future__ import annotations

from html import escape
from typing import Any

from saddlepoint.core import registry
from saddlepoint.core.findings import Evidence, Finding
from saddlepoint.core.runs import Run
from saddlepoint.diagnosis.diagnose import Diagnosis, diagnose
from saddlepoint.reporting import embedded, page
from saddlepoint.reporting.facts import Facts
from saddlepoint.reporting.messages import in_language
from saddlepoint.reporting.strings import ENGLISH, Words


def findings_section(facts: Facts, words: Words) -> str:
    """The section of report.html; "" for a run without metrics."""
    if not len(facts.history):
        return ""
    diagnosis = diagnose(facts.run)
    parts = [
        article(
            finding,
            words("doctor.since", step=words.number(f"{finding.since_step:,}")),
            words,
            _missing(finding, facts, words) + _remedies(finding, words),
        )
        for finding in diagnosis.findings
    ]
    note = "" if parts else _silence(diagnosis, words)
    if diagnosis.past:
        over = words("doctor.over", names=", ".join(diagnosis.past))
        parts.append(f"<p>{escape(over)}</p>")
    parts += [treatments(facts.run, words), _story(facts, words)]
    return page.section(words("doctor.title"), "\n".join(parts), note)


def article(finding: Finding, when: str, words: Words, more: str = "") -> str:
    """A finding with its message and evidence.

    Args:
        when: a sentence on when it was found.
        more: HTML that goes below the evidence.
    """
    rows = [_evidence(item, words) for item in finding.evidence]
    heads = [words(f"doctor.{key}") for key in ("evidence", "value", "healthy", "note")]
    evidence = page.grid_table(heads, rows) if rows else ""
    known = words.get(f"findings.{finding.name}")
    title = f"{known} ({finding.name})" if known else finding.name
    message = in_language(finding.message, words.language)
    return (
        f'<article class="finding {finding.severity}"><h3>{escape(title)}</h3>'
        f"<p>{escape(message)} ({escape(when)})</p>{evidence}{more}</article>"
    )


def _evidence(item: Evidence, words: Words) -> tuple[str, ...]:
    low, high = (None if end is None else words.number(f"{end:.4g}") for end in item.healthy)
    if low is None and high is None:
        healthy = ""
    elif low == high:  # a count that must be 0, or a flag that must be 1
        healthy = str(low)
    elif low is None:
        healthy = words("doctor.at-most", value=high)
    elif high is None:
        healthy = words("doctor.at-least", value=low)
    else:
        healthy = words("doctor.between", low=low, high=high)
    note = in_language(item.note, words.language)
    return item.name, words.number(f"{item.value:.4g}"), healthy, note


def _remedies(finding: Finding, words: Words) -> str:
    items = "".join(
        f"<li>{escape(advice_for(name, words))} <code>{escape(name)}</code></li>"
        for name in finding.remedies
    )
    return f"<p>{escape(words('doctor.remedies'))}:</p><ol>{items}</ol>" if items else ""


def advice_for(remedy: str, words: Words) -> str:
    """What a remedy tells a person to do; of one from elsewhere, as it is."""
    return words.get(f"remedies.{remedy}", registry.get("remedy", remedy).advice)


def _missing(finding: Finding, facts: Facts, words: Words) -> str:
    """Real images of what the generator leaves out, a row of them per class or region."""
    if not finding.missing:
        return ""
    names = facts.bin_names(finding.missing, words)
    bins = facts.run.samples_folder / "bins"
    pictures = [
        embedded.figure(
            embedded.image(bins / f"{index:02d}.png", words("doctor.real-of", name=name)), name
        )
        for index, name in zip(finding.missing, names, strict=True)
    ]
    shown = f'<div class="bins">{"".join(pictures)}</div>' if any(pictures) else ""
    return f"<p>{escape(words('doctor.left-out', names=', '.join(names)))}</p>{shown}"


def _silence(diagnosis: Diagnosis, words: Words) -> str:
    """What it means that nothing was found."""
    if not diagnosis.watched:
        return words("doctor.off")
    if not diagnosis.waiting:
        return words("doctor.no-finding", rows=diagnosis.rows)
    names = ", ".join(diagnosis.waiting[:3]) + (", ..." if len(diagnosis.waiting) > 3 else "")
    return words("doctor.too-short", n=len(diagnosis.waiting), names=names, rows=diagnosis.rows)


def _story(facts: Facts, words: Words) -> str:
    """The lines of findings.jsonl, in their order."""
    # Lines of old runs may lack a field; a report of them must not fail.
    rows = []
    for line in facts.run.findings:
        event, name = str(line.get("event", "found")), str(line.get("name", ""))
        said = words.get(f"doctor.event-{event}", event)
        what = in_language(str(line.get("message") or said), words.language)
        images = words.number(f"{int(line.get('at_images', 0)):,}")
        rows.append((images, said, name, what))
    if not rows:
        return ""
    heads = [words(f"doctor.{key}") for key in ("images", "event", "name", "what")]
    return page.folded(words("doctor.all", n=len(rows)), page.grid_table(heads, rows))


def first_finding(run: Run, words: Words) -> str:
    """What the doctor found first, with the numbers behind it."""
    found = first_found(run)
    if found is None:
        return f"<p>{escape(words('doctor.nothing'))}</p>"
    names = {line["name"] for line in run.findings if line["event"] == "found"} - {found.name}
    later = words("doctor.later", names=", ".join(sorted(names)))
    also = f"<p>{escape(later)}</p>" if names else ""
    when = words("doctor.at", images=words.number(f"{found.at_images:,}"))
    return article(found, when, words, also)


def treatments(run: Run, words: Words) -> str:
    """What was done about it, in the order in which it was done."""
    said = [in_language(line["message"], words.language) for line in treatments_of(run)]
    lines = [f"<li>{escape(line)}</li>" for line in said]
    if not lines:
        return ""
    return f"<p>{escape(words('doctor.treated'))}:</p><ol>{''.join(lines)}</ol>"


def all_found(run: Run, words: Words = ENGLISH) -> str:
    """Names of all that was found, in that order."""
    found = dict.fromkeys(line["name"] for line in run.findings if line["event"] == "found")
    return ", ".join(found) or words("doctor.none")


def first_found(run: Run) -> Finding | None:
    """The first fatal finding, or the first of any kind."""
    found = [Finding.from_json(line) for line in run.findings if line["event"] == "found"]
    # A warning often comes first, but the fatal one names what the case is about.
    fatal = [finding for finding in found if finding.severity == "fatal"]
    return next(iter(fatal or found), None)


def treatments_of(run: Run) -> list[dict[str, Any]]:
    return list(run.document.get("treatments", []))


def ending(run: Run) -> list[str]:
    """Names of what is wrong with a run at its end; [] when nothing is."""
    return [finding.name for finding in diagnose(run).findings if finding.severity != "info"]


def ending_in(run: Run, words: Words = ENGLISH) -> str:
    """The same in words."""
    return ", ".join(ending(run)) or words("doctor.healthy-end")
