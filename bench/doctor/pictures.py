"""Draw the pictures of docs/findings.md, and write the order of the remedies into it.

    python bench/doctor/pictures.py

Each picture is a detector's unhealthy history, from the tests, as one small SVG.
"""

from __future__ import annotations

import re
import sys
import textwrap
from pathlib import Path

import numpy as np

from saddlepoint.core.findings import Detector, Evidence, Finding
from saddlepoint.core.history import History
from saddlepoint.diagnosis.diagnose import all_detectors, remedies_for

sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "conformance"))
import histories

PAGE = Path(__file__).parents[2] / "docs" / "findings.md"
FOLDER = PAGE.parent / "images" / "findings"
WIDTH, HEIGHT, MARGIN, HEAD, PANELS = 300, 120, 46, 26, 3
OF_BINS = ("partial-mode-collapse", "oscillation")
"""Findings whose evidence is the histogram of the fakes itself."""
STYLE = "font-family='sans-serif' font-size='11' fill='#333'"


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    for detector in all_detectors():
        (FOLDER / f"{detector.kind}.svg").write_text(picture(detector))
    PAGE.write_text(with_orders(PAGE.read_text()))


def with_orders(page: str) -> str:
    """The page with each section's remedies as the code has them."""
    head, *sections = page.split("\n### ")
    for place, section in enumerate(sections):
        names = [f"`{remedy.kind}`" for remedy in remedies_for(section.split("\n")[0])]
        line = f"**Remedies**, best first: {', '.join(names)}."
        line = textwrap.fill(line, 100, break_on_hyphens=False)
        sections[place] = re.sub(r"\*\*Remedies\*\*, best first: [^.]*\.", line, section)
    return "\n### ".join([head, *sections])


def picture(detector: Detector) -> str:
    """The evidence of the first unhealthy history, a panel for each column."""
    history = histories.unhealthy(detector)[0]
    alarm, finding = first_alarm(detector, history)
    drawn = [item for item in finding.evidence if np.isfinite(history_of(history, item)).any()]
    panels = [panel(history, item, alarm, i) for i, item in enumerate(drawn[:PANELS])]
    if detector.kind in OF_BINS:
        panels.append(heat(history, alarm, len(panels)))
    width = max(1, len(panels)) * (WIDTH + MARGIN) + MARGIN
    if not panels:
        text = "; ".join(str(item) for item in finding.evidence)
        panels = [f"<text x='10' y='40' {STYLE}>{escape(text)}</text>"]
    return (
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {width} {HEAD + HEIGHT + 34}'>"
        f"<rect width='100%' height='100%' fill='white'/>{''.join(panels)}</svg>\n"
    )


def first_alarm(detector: Detector, history: History) -> tuple[float, Finding]:
    """The step of the check at which the detector speaks first, and what it says."""
    for n in range(1, len(history) + 1):
        finding = detector.inspect(History(history.rows[:n]))
        if finding is not None:
            return float(history["step"][n - 1]), finding
    raise SystemExit(f"{detector.kind} is silent on its own unhealthy history.")


def history_of(history: History, item: Evidence) -> np.ndarray:
    """The column of that name; all NaN for a number that was computed from several."""
    values = [row.get(item.name) for row in history.rows]
    numbers = [v if isinstance(v, int | float) else np.nan for v in values]
    return np.array(numbers, dtype=float)


def panel(history: History, item: Evidence, alarm: float, place: int) -> str:
    """One column over the steps, with its healthy range and the alarm."""
    steps, values = history["step"], history_of(history, item)
    seen = np.isfinite(values) & np.isfinite(steps)
    steps, values = steps[seen], values[seen]
    bounds = [bound for bound in item.healthy if bound is not None]
    low, high = float(min([*values, *bounds])), float(max([*values, *bounds]))
    room = 0.08 * (high - low) or 1.0
    low, high = low - room, high + room
    left = MARGIN + place * (WIDTH + MARGIN)

    def x(step: float) -> float:
        return left + WIDTH * step / max(float(history["step"][-1]), 1.0)

    def y(value: float) -> float:
        return HEAD + HEIGHT * (high - value) / (high - low)

    top = y(high if item.healthy[1] is None else item.healthy[1])
    bottom = y(low if item.healthy[0] is None else item.healthy[0])
    line = " ".join(f"{x(a):.1f},{y(b):.1f}" for a, b in zip(steps, values, strict=True))
    dots = "".join(
        f"<circle cx='{x(a):.1f}' cy='{y(b):.1f}' r='2' fill='#245'/>"
        for a, b in zip(steps, values, strict=True)
        if len(steps) < 12
    )
    band = (
        f"<rect x='{left}' y='{top:.1f}' width='{WIDTH}' height='{bottom - top:.1f}' "
        "fill='#d5efd5'/>"
    )
    return (
        (band if bounds else "")
        + f"<rect x='{left}' y='{HEAD}' width='{WIDTH}' height='{HEIGHT}' fill='none' "
        "stroke='#999'/>"
        f"<polyline points='{line}' fill='none' stroke='#245' stroke-width='1.5'/>{dots}"
        f"<line x1='{x(alarm):.1f}' x2='{x(alarm):.1f}' y1='{HEAD}' y2='{HEAD + HEIGHT}' "
        "stroke='#c22' stroke-width='1.5' stroke-dasharray='4 3'/>"
        f"<text x='{left}' y='{HEAD - 8}' {STYLE} font-weight='bold'>{escape(item.name)}</text>"
        f"<text x='{left - 4}' y='{HEAD + 9}' {STYLE} text-anchor='end'>{high:.3g}</text>"
        f"<text x='{left - 4}' y='{HEAD + HEIGHT}' {STYLE} text-anchor='end'>{low:.3g}</text>"
        f"<text x='{left}' y='{HEAD + HEIGHT + 14}' {STYLE}>0</text>"
        f"<text x='{left + WIDTH}' y='{HEAD + HEIGHT + 14}' {STYLE} text-anchor='end'>"
        f"step {history['step'][-1]:g}</text>"
    )


def heat(history: History, alarm: float, place: int) -> str:
    """The bins of the fakes over the checks, dark where there are many."""
    rows = [row for row in history.rows if "bins" in row]
    counts = np.array([row["bins"] for row in rows], dtype=float)
    seen = np.minimum(1, counts / counts.sum(1, keepdims=True) * counts.shape[1] / 2)
    left, last = MARGIN + place * (WIDTH + MARGIN), float(history["step"][-1])
    wide, high = WIDTH / len(seen), HEIGHT / seen.shape[1]
    cells = "".join(
        f"<path d='M{left + check * wide:.1f} {HEAD + (bin_ + 0.5) * high:.1f}h{wide:.1f}' "
        f"stroke='#245' stroke-width='{high:.1f}' opacity='{shade:.1f}'/>"
        for check, row in enumerate(seen)
        for bin_, shade in enumerate(row)
        if shade >= 0.05
    )
    at = left + WIDTH * alarm / last
    return (
        f"{cells}<rect x='{left}' y='{HEAD}' width='{WIDTH}' height='{HEIGHT}' fill='none' "
        "stroke='#999'/>"
        f"<line x1='{at:.1f}' x2='{at:.1f}' y1='{HEAD}' y2='{HEAD + HEIGHT}' stroke='#c22' "
        "stroke-width='1.5' stroke-dasharray='4 3'/>"
        f"<text x='{left}' y='{HEAD - 8}' {STYLE} font-weight='bold'>bins: share of the fakes in "
        "each</text>"
        f"<text x='{left + WIDTH}' y='{HEAD + HEIGHT + 14}' {STYLE} text-anchor='end'>"
        f"step {last:g}</text>"
    )


def escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


if __name__ == "__main__":
    main()
