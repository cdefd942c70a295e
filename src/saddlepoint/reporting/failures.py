"""The page of `saddle lab failures`: each failure untreated and treated, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from saddlepoint.core.files import write_atomically
from saddlepoint.core.runs import Run, images_of
from saddlepoint.diagnosis.diagnose import diagnose
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

DISTANCE = "sliced_wasserstein"
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
    title = "How GANs fail, and what helps"
    sections = [
        f'<header><div class="head"><h1>{title}</h1></div></header>',
        section("All of them", _summary(cases), _ABOUT),
    ]
    for number, case in enumerate(cases, 1):
        sections.append(section(f"{number}. {case.title}", _case(case), case.story))
    if find_spec("plotly") is None:
        sections.append(section("Curves", WITHOUT_PLOTLY))
    else:
        curves = [figure for n, case in enumerate(cases, 1) for figure in _curves(n, case)]
        if curves:
            sections.append(section("Curves", curves_of(curves)))
    out.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(out, page_of(title, sections).encode())
    return out


_ABOUT = (
    "Each model is trained twice from one seed: untreated, where the doctor only watches, and "
    "treated, where a fatal finding sends the run back to its last healthy checkpoint and on with "
    "a remedy. The distance is the sliced Wasserstein distance of samples to the data at the end; "
    "lower is better."
)


def _summary(cases: Sequence[Shown]) -> str:
    rows = []
    for case in cases:
        found = _first_found(case.untreated)
        rows.append(
            (
                case.title.partition(":")[0],
                f"{found['name']} at {found['at_images'] / 1000:.3g} kimg" if found else "nothing",
                "as expected" if found and found["name"] in case.expected else "otherwise",
                ", ".join(line["remedy"] for line in _treatments(case.treated)) or "none",
                _outcome(case.untreated),
                _outcome(case.treated),
            )
        )
    header = ("Failure", "The doctor finds", "", "Remedies", "Untreated, at the end", "Treated")
    return grid_table(header, rows)


def _case(case: Shown) -> str:
    parts = [_findings(case.untreated)]
    lines = [f"<li>{escape(line['message'])}</li>" for line in _treatments(case.treated)]
    if lines:
        parts.append(f"<p>What was done:</p><ol>{''.join(lines)}</ol>")
    pictures = []
    real = case.untreated.samples_folder / "reals.png"
    pictures.append(figure_of(real, "Real items", "the data"))
    for name, run in (("untreated", case.untreated), ("treated", case.treated)):
        if run.samples:
            caption = f"{name}, after {images_of(run.samples[-1]):,} real images: {_outcome(run)}"
            pictures.append(figure_of(run.samples[-1], f"Samples, {name}", caption))
    parts.append(f'<div class="pair">{"".join(pictures)}</div>')
    return "".join(parts)


def _findings(run: Run) -> str:
    """What the doctor found in the untreated run: the numbers behind the first fatal finding."""
    found = _first_found(run)
    if found is None:
        return "<p>The doctor found nothing.</p>"
    rows = [
        (item["name"], f"{item['value']:.4g}", _healthy(item["healthy"]), item["note"])
        for item in found["evidence"]
    ]
    others = sorted({line["name"] for line in run.findings if line["event"] == "found"})
    others.remove(found["name"])
    also = f"<p>Later also: {escape(', '.join(others))}.</p>" if others else ""
    return (
        f'<article class="finding {found["severity"]}"><h3>{escape(found["name"])}</h3>'
        f"<p>{escape(found['message'])} (Found at {found['at_images']:,} images.)</p>"
        + (grid_table(("Evidence", "Value", "Healthy", "What it is"), rows) if rows else "")
        + f"{also}</article>"
    )


def _first_found(run: Run) -> dict[str, Any] | None:
    """The first fatal finding, or the first of any kind."""
    found = [line for line in run.findings if line["event"] == "found"]
    fatal = [line for line in found if line["severity"] == "fatal"]
    return next(iter(fatal or found), None)


def _treatments(run: Run) -> list[dict[str, Any]]:
    return list(run.document.get("treatments", []))


def _outcome(run: Run) -> str:
    """How a run ended: its distance to the data, and what is wrong with it then."""
    names = [finding.name for finding in diagnose(run).findings if finding.severity != "info"]
    distances = [row[DISTANCE] for row in run.history.rows if DISTANCE in row]
    state = "" if run.status.get("state") == "finished" else "stopped, "
    distance = f"distance {distances[-1]:.3g}, " if distances else ""
    return f"{state}{distance}{', '.join(names) or 'no finding'}"


def _healthy(bounds: Sequence[float | None]) -> str:
    low, high = bounds
    if low is None:
        return "" if high is None else f"at most {high:.4g}"
    return f"at least {low:.4g}" if high is None else f"{low:.4g} to {high:.4g}"


def _curves(number: int, case: Shown) -> list[tuple[str, str, Any, str]]:
    found = []
    for panel in CURVES:
        for name, run in (("untreated", case.untreated), ("treated", case.treated)):
            wording = wording_of(run.document["config"].get("loss") or {})
            figure = panel.draw(run.history, wording)
            if figure is not None:
                title = f"{number}. {panel.title}, {name}"
                identifier = f"{number}-{panel.name}-{name}"
                found.append((identifier, title, figure, panel.reading(wording)))
    return found
