"""The page of `saddle lab failures`: each failure untreated and treated, side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from saddlepoint.core.runs import Run
from saddlepoint.core.texts import Text
from saddlepoint.evaluation.scores import newest_scores
from saddlepoint.reporting import embedded, findings, page
from saddlepoint.reporting.facts import Facts
from saddlepoint.reporting.figures import drawn
from saddlepoint.reporting.plots import curves_section
from saddlepoint.reporting.several import Again, each_run
from saddlepoint.reporting.strings import ENGLISH, Words

RIGHT = {"high_quality": 0.5, "precision": 0.5, "coverage": 0.3, "label_accuracy": 0.8}
"""Number of `saddle evaluate` -> what it must be at least. Points have the first alone: to the
pixels' precision and coverage, clusters a little too wide are as wrong as a ring."""
HEADS = ("failure", "data", "finds", "expected", "remedies", "untreated-end", "treated-end")


@dataclass(frozen=True, kw_only=True)
class Case:
    """A failure on purpose, as the page describes it."""

    title: Text
    story: Text
    """What is done wrong, and what the lecture says about it."""
    expected: tuple[str, ...]
    """Findings that would be right."""


def write_failures(
    cases: Sequence[tuple[Case, Mapping[str, Run]]],
    out: Path,
    command: str,
    again: Again,
    words: Words,
) -> Path:
    """Write the page.

    Args:
        cases: each with its runs: "untreated", and "treated" by the doctor or one for each remedy
            that was chosen by hand, under its name.
        command: that makes the page again.
    """
    heads = [words(f"lab.{key}") for key in HEADS]
    summary = page.grid_table(
        heads, (row for case, runs in cases for row in _rows(case, runs, words))
    )
    by_hand = any("treated" not in runs for _, runs in cases)
    about = words("lab.by-hand" if by_hand else "lab.by-the-doctor") + words("lab.about")
    sections, curves, every = [page.section(words("lab.all"), summary, about)], [], []
    for number, (case, runs) in enumerate(cases, 1):
        sections.append(_section(number, case, runs, words))
        if "treated" in runs and not findings.treatments_of(runs["treated"]):
            # Both runs are the same, picture for picture.
            runs = {"untreated": runs["untreated"]}
        # Only losses and diversity: with every panel the page would hold a hundred curves.
        for way, run in runs.items():
            name = words.get(f"lab.{way}", way)
            title = f"{number}. {{title}}, {name}"
            curves += drawn(run, ("losses", "diversity"), title, words)
            every.append((run, f"{number}. {_short_title(case, words)}, {name}"))
    sections.append(curves_section(curves, words))
    sections.append(each_run(every, again, words))
    lines = page.commands({words("lab.again"): command})
    sections.append(page.section(words("report.reproduce"), lines))
    return page.write_page(out, words("lab.failures"), sections, words)


def _section(number: int, case: Case, runs: Mapping[str, Run], words: Words) -> str:
    untreated, said = runs["untreated"], ""
    told = findings.first_finding(untreated, words)
    if treated := runs.get("treated"):
        told += findings.treatments(treated, words)
        if not findings.treatments_of(treated):
            said, runs = words("lab.not-fatal"), {"untreated": untreated}
    elif len(runs) == 1:
        said = words("lab.nothing-to-change")
    told += f"<p>{escape(said)}</p>" if said else ""
    ways = [
        (run, f"{words.get(f'lab.{way}', way)} ({_outcome(run, words)})")
        for way, run in runs.items()
    ]
    real = embedded.reals(untreated, words("lab.real", data=_data(untreated)), words)
    title = f"{number}. {case.title.to(words.language)}"
    pictures = embedded.films(ways, words, real, embedded.FRAMES // 4)
    return page.section(title, told + pictures, case.story.to(words.language))


def _short_title(case: Case, words: Words) -> str:
    return case.title.to(words.language).partition(":")[0]


def _rows(case: Case, runs: Mapping[str, Run], words: Words) -> list[tuple[str, ...]]:
    """A failure in the table of all: a row for each of its treatments."""
    untreated = runs["untreated"]
    found, finds = findings.first_found(untreated), words("lab.nothing")
    if found:
        kimg = words.number(f"{found.at_images / 1000:.3g}")
        finds = words("lab.found-at", name=found.name, kimg=kimg)
    right = found is not None and found.name in case.expected
    expected = words("lab.as-expected" if right else "lab.not-as-expected")
    failure = (_short_title(case, words), _data(untreated), finds, expected)
    rows = []
    for way in [way for way in runs if way != "untreated"] or ["treated"]:
        remedies = _remedies(runs, way)
        ended = f": {_outcome(runs[way], words)}" if remedies else ""
        came_of = words(f"lab.verdict-{verdict(runs, way)}") + ended
        used = ", ".join(remedies) or words("lab.none")
        rows.append((*failure, used, _outcome(untreated, words), came_of))
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


def _outcome(run: Run, words: Words = ENGLISH) -> str:
    """How a run ended: its distance to the data, and what is wrong with it."""
    facts = Facts.of(run)
    parts = [] if facts.state == "finished" else [words("lab.stopped")]
    if distance := facts.distance(words):
        parts.append(words("lab.distance", distance=distance))
    parts += [text] if (text := _samples(run, words)[0]) else []
    return ", ".join([*parts, findings.ending_in(run, words)])


def verdict(runs: Mapping[str, Run], way: str = "treated") -> str:
    """Whether a treatment helped: not-treated, cured, better (but not cured) or no-better."""
    if not _remedies(runs, way):
        return "not-treated"
    untreated, treated = runs["untreated"], runs[way]
    _, right = _samples(treated)
    if right and not findings.ending(treated):
        return "cured"
    before, after = (Facts.of(run).last("sliced_wasserstein") for run in (untreated, treated))
    improved = before is not None and after is not None and after < 0.9 * before
    return "better" if improved else "no-better"


def _samples(run: Run, words: Words = ENGLISH) -> tuple[str, bool]:
    """What the newest scores say about the samples, and whether a class would accept them."""
    scores = newest_scores(run)
    if not scores:
        return "", False
    values: dict[str, Any] = scores[-1]["values"]
    if "modes" in values:
        modes, share = values["modes"], values["high_quality"]["value"]
        every = modes["note"].removeprefix("of ")
        shown, percent = f"{modes['value']:g}", f"{100 * share:.0f}"
        text = words("lab.modes", modes=shown, all=every, share=percent)
        return text, shown == every and share >= RIGHT["high_quality"]
    names = [name for name in ("precision", "coverage", "label_accuracy") if name in values]
    numbers = {name: words.number(f"{values[name]['value']:.2f}") for name in names}
    text = ", ".join(f"{words.get(f'lab.{name}', name)} {numbers[name]}" for name in names)
    return text, bool(names) and all(values[n]["value"] >= RIGHT[n] for n in names)
