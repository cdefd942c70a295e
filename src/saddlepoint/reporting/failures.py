"""The page of `saddle lab failures`: each failure untreated and treated, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from saddlepoint.core.findings import Finding
from saddlepoint.core.runs import Run
from saddlepoint.diagnosis.diagnose import diagnose
from saddlepoint.reporting.facts import Facts
from saddlepoint.reporting.figures import PANELS, drawn
from saddlepoint.reporting.findings import article
from saddlepoint.reporting.page import (
    curves_section,
    figure_of,
    grid_table,
    newest_grid,
    pair,
    section,
    write_page,
)

HEALTHY = "no finding"
CURVES = tuple(panel for panel in PANELS if panel.name in ("losses", "diversity"))


@dataclass(frozen=True, kw_only=True)
class Shown:
    """One failure with its two runs."""

    title: str
    story: str
    expected: tuple[str, ...]
    """Findings that would be right."""
    untreated: Run
    treated: Run


def write_failures(cases: Sequence[Shown], out: Path) -> Path:
    """Write the page."""
    sections = [section("All of them", _summary(cases), _ABOUT)]
    curves = []
    for number, case in enumerate(cases, 1):
        sections.append(section(f"{number}. {case.title}", _case(case), case.story))
        # Only losses and diversity: with every panel the page would hold a hundred curves.
        for name, run in (("untreated", case.untreated), ("treated", case.treated)):
            title = f"{number}. {{title}}, {name}"
            curves += drawn(run, CURVES, f"{number}-{name}-", title)
    sections.append(curves_section(curves))
    return write_page(out, "How GANs fail, and what helps", sections)


_ABOUT = (
    "Each model is trained twice from one seed: untreated, where the doctor only watches, and "
    "treated, where a fatal finding sends the run back to its last healthy checkpoint and on with "
    "a remedy. The distance is the sliced Wasserstein distance of samples to the data at the end; "
    "lower is better."
)


def _summary(cases: Sequence[Shown]) -> str:
    rows = []
    for case in cases:
        found = first_found(case.untreated)
        rows.append(
            (
                case.title.partition(":")[0],
                f"{found.name} at {found.at_images / 1000:.3g} kimg" if found else "nothing",
                "as expected" if found and found.name in case.expected else "not as expected",
                ", ".join(line["remedy"] for line in _treatments(case.treated)) or "none",
                _outcome(case.untreated),
                _outcome(case.treated),
            )
        )
    header = ("Failure", "The doctor finds", "", "Remedies", "Untreated, at the end", "Treated")
    return grid_table(header, rows)


def _case(case: Shown) -> str:
    reals = case.untreated.samples_folder / "reals.png"
    pictures = [figure_of(reals, "Real items", "the data")]
    for name, run in (("untreated", case.untreated), ("treated", case.treated)):
        pictures.append(newest_grid(run, name, f": {_outcome(run)}"))
    return first_finding(case.untreated) + treatments(case.treated) + pair(pictures)


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
    lines = [f"<li>{escape(line['message'])}</li>" for line in _treatments(run)]
    return f"<p>What was done:</p><ol>{''.join(lines)}</ol>" if lines else ""


def first_found(run: Run) -> Finding | None:
    """The first fatal finding, or the first of any kind."""
    found = [Finding.from_json(line) for line in run.findings if line["event"] == "found"]
    # A warning often comes first, but the fatal one names what the case is about.
    fatal = [finding for finding in found if finding.severity == "fatal"]
    return next(iter(fatal or found), None)


def _treatments(run: Run) -> list[dict[str, str]]:
    return list(run.document.get("treatments", []))


def ending(run: Run) -> str:
    """What is wrong with a run at its end."""
    names = [finding.name for finding in diagnose(run).findings if finding.severity != "info"]
    return ", ".join(names) or HEALTHY


def distance(run: Run) -> str:
    """The newest distance of a run's samples to the data; "" before it was measured."""
    value = Facts.of(run).last("sliced_wasserstein")
    return "" if value is None else f"{value:.3g}"


def _outcome(run: Run) -> str:
    """How a run ended: its distance to the data, and what is wrong with it."""
    state = "" if run.status.get("state") == "finished" else "stopped, "
    measured = f"distance {distance(run)}, " if distance(run) else ""
    return f"{state}{measured}{ending(run)}"
