"""The page of `saddle lab failures`: each failure untreated and treated, side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from saddlepoint.core.runs import Run
from saddlepoint.reporting import findings, page
from saddlepoint.reporting.facts import Facts
from saddlepoint.reporting.figures import drawn

ABOUT = (
    "Each model is trained twice from one seed: untreated, where the doctor only watches, and "
    "treated, where a fatal finding sends the run back to its last healthy checkpoint and on with "
    "a remedy. The distance is the sliced Wasserstein distance of samples to the data at the end; "
    "lower is better."
)


@dataclass(frozen=True, kw_only=True)
class Case:
    """A failure on purpose, as the page describes it."""

    title: str
    story: str
    """What is done wrong, and what the lecture says about it."""
    expected: tuple[str, ...]
    """Findings that would be right."""


def write_failures(cases: Sequence[tuple[Case, Mapping[str, Run]]], out: Path) -> Path:
    """Write the page.

    Args:
        cases: each with its two runs, "untreated" and "treated".
    """
    header = (
        "Failure",
        "Data",
        "The doctor finds",
        "",
        "Remedies",
        "Untreated, at the end",
        "Treated",
    )
    summary = page.grid_table(header, (_summary(case, runs) for case, runs in cases))
    sections, curves = [page.section("All of them", summary, ABOUT)], []
    for number, (case, runs) in enumerate(cases, 1):
        untreated, treated = runs["untreated"], runs["treated"]
        grids = [page.newest_grid(run, way, f": {_outcome(run)}") for way, run in runs.items()]
        pictures = page.pair([page.reals(untreated, f"real, {_data(untreated)}"), *grids])
        told = findings.first_finding(untreated) + findings.treatments(treated)
        sections.append(page.section(f"{number}. {case.title}", told + pictures, case.story))
        # Only losses and diversity: with every panel the page would hold a hundred curves.
        for way, run in runs.items():
            curves += drawn(run, ("losses", "diversity"), f"{number}. {{title}}, {way}")
    sections.append(page.curves_section(curves))
    return page.write_page(out, "How GANs fail, and what helps", sections)


def _summary(case: Case, runs: Mapping[str, Run]) -> tuple[str, ...]:
    """A row of the table of all failures."""
    found = findings.first_found(runs["untreated"])
    remedies = [line["remedy"] for line in findings.treatments_of(runs["treated"])]
    return (
        case.title.partition(":")[0],
        _data(runs["untreated"]),
        f"{found.name} at {found.at_images / 1000:.3g} kimg" if found else "nothing",
        "as expected" if found and found.name in case.expected else "not as expected",
        ", ".join(remedies) or "none",
        _outcome(runs["untreated"]),
        _outcome(runs["treated"]),
    )


def _data(run: Run) -> str:
    """The name of the data that a run was trained on."""
    return str(Facts.of(run).data["name"])


def _outcome(run: Run) -> str:
    """How a run ended: its distance to the data, and what is wrong with it."""
    facts = Facts.of(run)
    state = "" if facts.state == "finished" else "stopped, "
    measured = f"distance {facts.distance}, " if facts.distance else ""
    return f"{state}{measured}{findings.ending(run)}"
