"""The page of `saddle lab failures`: each failure untreated and treated, side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from saddlepoint.core.runs import Run
from saddlepoint.evaluation.scores import newest_scores
from saddlepoint.reporting import findings, page
from saddlepoint.reporting.facts import Facts
from saddlepoint.reporting.figures import drawn

BY_THE_DOCTOR = (
    "Each model is trained twice from one seed: untreated, where the doctor only watches, and "
    "treated, where a fatal finding sends the run back to its last healthy checkpoint and on with "
    "a remedy. "
)
BY_HAND = (
    "Each model is trained from one seed: untreated, and with the remedy that was asked for from "
    "the first step; the doctor only watches. Where a remedy has nothing to change, there is no "
    "run. "
)
ABOUT = (
    "The distance is the sliced Wasserstein distance of samples to the data at the end; "
    "lower is better. Cured means that the doctor finds nothing more and the samples are right: of "
    "points, every mode is drawn and half of the points lie on one (within three standard "
    "deviations); of images, by a classifier's features, a precision of 0.5 and a coverage of 0.3 "
    "(k = 3), at which most digits can be read, and of a conditional model 80 % right labels."
)
RIGHT = {"high_quality": 0.5, "precision": 0.5, "coverage": 0.3, "label_accuracy": 0.8}
"""Number of `saddle evaluate` -> what it must be at least. Points have the first alone: to the
pixels' precision and coverage, clusters a little too wide are as wrong as a ring."""


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
        cases: each with its runs: "untreated", and "treated" by the doctor or one for each remedy
            that was chosen by hand, under its name.
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
    summary = page.grid_table(header, (row for case, runs in cases for row in _rows(case, runs)))
    by_hand = any("treated" not in runs for _, runs in cases)
    about = (BY_HAND if by_hand else BY_THE_DOCTOR) + ABOUT
    sections, curves = [page.section("All of them", summary, about)], []
    for number, (case, runs) in enumerate(cases, 1):
        untreated, told = runs["untreated"], findings.first_finding(runs["untreated"])
        if treated := runs.get("treated"):
            told += findings.treatments(treated)
            if not findings.treatments_of(treated):
                # Both runs are the same, picture for picture.
                told += "<p>Nothing was treated: the doctor found nothing fatal.</p>"
                runs = {"untreated": untreated}
        elif len(runs) == 1:
            told += "<p>Nothing was treated: the remedy has nothing to change here.</p>"
        grids = [page.newest_grid(run, way, f": {_outcome(run)}") for way, run in runs.items()]
        pictures = page.pair([page.reals(untreated, f"real, {_data(untreated)}"), *grids])
        sections.append(page.section(f"{number}. {case.title}", told + pictures, case.story))
        # Only losses and diversity: with every panel the page would hold a hundred curves.
        for way, run in runs.items():
            curves += drawn(run, ("losses", "diversity"), f"{number}. {{title}}, {way}")
    sections.append(page.curves_section(curves))
    return page.write_page(out, "How GANs fail, and what helps", sections)


def _rows(case: Case, runs: Mapping[str, Run]) -> list[tuple[str, ...]]:
    """A failure in the table of all: a row for each of its treatments."""
    untreated = runs["untreated"]
    found = findings.first_found(untreated)
    failure = (
        case.title.partition(":")[0],
        _data(untreated),
        f"{found.name} at {found.at_images / 1000:.3g} kimg" if found else "nothing",
        "as expected" if found and found.name in case.expected else "not as expected",
    )
    rows = []
    for way in [way for way in runs if way != "untreated"] or ["treated"]:
        remedies = _remedies(runs, way)
        ended = f": {_outcome(runs[way])}" if remedies else ""
        last = (", ".join(remedies) or "none", _outcome(untreated), verdict(runs, way) + ended)
        rows.append((*failure, *last))
    return rows


def _remedies(runs: Mapping[str, Run], way: str) -> list[str]:
    """What was done in a run: by the doctor, or by hand."""
    if way != "treated":
        return [way]
    run = runs.get("treated")
    return [line["remedy"] for line in findings.treatments_of(run)] if run else []


def _data(run: Run) -> str:
    """The name of the data that a run was trained on."""
    return str(Facts.of(run).data["name"])


def _outcome(run: Run) -> str:
    """How a run ended: its distance to the data, and what is wrong with it."""
    facts = Facts.of(run)
    state = "" if facts.state == "finished" else "stopped, "
    measured = f"distance {facts.distance}, " if facts.distance else ""
    samples = f"{text}, " if (text := _samples(run)[0]) else ""
    return f"{state}{measured}{samples}{findings.ending(run)}"


def verdict(runs: Mapping[str, Run], way: str = "treated") -> str:
    """Whether a treatment helped: not treated, cured, better but not cured, or no better."""
    if not _remedies(runs, way):
        return "not treated"
    untreated, treated = runs["untreated"], runs[way]
    _, right = _samples(treated)
    if right and findings.ending(treated) == findings.HEALTHY:
        return "cured"
    before, after = (Facts.of(run).last("sliced_wasserstein") for run in (untreated, treated))
    improved = before is not None and after is not None and after < 0.9 * before
    return "better, but not cured" if improved else "no better"


def _samples(run: Run) -> tuple[str, bool]:
    """What the newest scores say about the samples, and whether a class would accept them."""
    scores = newest_scores(run)
    if not scores:
        return "", False
    values: dict[str, Any] = scores[-1]["values"]
    if "modes" in values:
        modes, share = values["modes"], values["high_quality"]["value"]
        text = f"{modes['value']:g} {modes['note']} modes, {100 * share:.0f} % of points on them"
        every = modes["note"] == f"of {modes['value']:g}"
        return text, every and share >= RIGHT["high_quality"]
    names = [name for name in ("precision", "coverage", "label_accuracy") if name in values]
    text = ", ".join(f"{name.replace('_', ' ')} {values[name]['value']:.2f}" for name in names)
    return text, bool(names) and all(values[n]["value"] >= RIGHT[n] for n in names)
