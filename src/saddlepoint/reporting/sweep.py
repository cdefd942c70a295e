"""The page of `saddle sweep`: every trial in a table, what the settings do, and the best."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

from saddlepoint.core.runs import Run
from saddlepoint.core.values import as_word
from saddlepoint.reporting import page
from saddlepoint.reporting.embedded import films
from saddlepoint.reporting.messages import in_language
from saddlepoint.reporting.overlays import overlays_of
from saddlepoint.reporting.plots import curves_section
from saddlepoint.reporting.strings import Words
from saddlepoint.reporting.sweep_figures import figures_of

MOST_SHOWN = 6
"""Trials whose samples and curves are shown, from the best on: more cannot be told apart."""


def write_sweep(document: dict[str, Any], out: Path, words: Words) -> Path:
    """Write the page.

    Args:
        document: the content of results.json.

    Raises:
        OSError: `out` cannot be written.
    """
    ranked = _ranked(document)
    table = page.grid_table(*trial_table(document, words))
    note = words("sweep.trials-note", objective=document["objective"])
    sections = [
        _best(document, len(ranked), words),
        page.section(words("sweep.trials"), table, note),
        curves_section([*figures_of(document, words), *_overlaid(ranked, words)], words),
        _samples(ranked, words),
        page.section(
            words("report.reproduce"),
            page.commands({words("sweep.again"): document["command"]})
            + page.folded(words("sweep.commands"), _each(document)),
        ),
    ]
    title = words("sweep.title", preset=document["preset"], data=document["data"])
    return page.write_page(out, title, sections, words)


def trial_table(document: dict[str, Any], words: Words) -> tuple[list[str], list[list[str]]]:
    """Heading and a row for each trial, in the order in which they were tried."""
    heads = ["trial", "setting", "seeds"]
    header = [words(f"sweep.{key}") for key in heads] + [document["objective"]]
    header += [words(f"sweep.{key}") for key in ("images", "minutes", "ended")]
    rows = []
    for trial in document["trials"]:
        runs = [run for run in trial["runs"] if run["state"] != "waiting"]
        images, seconds = (sum(run[key] for run in runs) for key in ("images", "seconds"))
        rows.append(
            [
                str(trial["number"]),
                settings_text(trial["settings"], words),
                ", ".join(str(run["seed"]) for run in runs),
                mean_text(trial, words),
                words.number(f"{images:,}"),
                words.number(f"{seconds / 60:.1f}"),
                _endings(trial["runs"], words),
            ]
        )
    return header, rows


def settings_text(settings: dict[str, Any], words: Words) -> str:
    """`optim_g.lr=0.0002, loss=hinge`, as it is given to --over."""
    shown = (f"{path}={as_word(value)}" for path, value in settings.items())
    return ", ".join(shown) or words("sweep.best-alone")


def mean_text(trial: dict[str, Any], words: Words) -> str:
    """`0.0321 (0.0298 to 0.0344)`; of a trial without all of its scores those that there are."""
    if trial["mean"] is None:
        scores = [run["score"] for run in trial["runs"] if run["score"] is not None]
        return ", ".join(words.number(f"{score:.4g}") for score in scores)
    mean = words.number(f"{trial['mean']:.4g}")
    if trial["interval"] is None:
        return mean
    low, high = (words.number(f"{end:.4g}") for end in trial["interval"])
    return f"{mean} ({words('page.to', low=low, high=high)})"


def _endings(runs: Sequence[dict[str, Any]], words: Words) -> str:
    """What the trainings of a trial ended with; each kind once, with how many there were."""
    said: dict[str, int] = {}
    for run in runs:
        # A message of the program's may be known in other languages, a finding's name is the same.
        why = in_language(run["why"], words.language)
        text = words(f"sweep.state.{run['state']}", why=why)
        said[text] = said.get(text, 0) + 1
    return ", ".join(text if n == len(runs) else f"{n} x {text}" for text, n in said.items())


def _ranked(document: dict[str, Any]) -> list[dict[str, Any]]:
    """The trials that have a mean, best first."""
    sign = 1 if document["better"] == "lower" else -1
    known = [trial for trial in document["trials"] if trial["mean"] is not None]
    return sorted(known, key=lambda trial: sign * trial["mean"])


def _best(document: dict[str, Any], n_ranked: int, words: Words) -> str:
    if document["best"] is None:
        return page.section(words("sweep.best"), note=words("sweep.none-yet"))
    trial = document["trials"][document["best"]]
    said = words(
        "sweep.best-of",
        objective=document["objective"],
        mean=mean_text(trial, words),
        settings=settings_text(trial["settings"], words),
    )
    better = words(f"sweep.{document['better']}")
    note = words("sweep.best-note", n=n_ranked, better=better)
    command = page.commands({words("sweep.train-best"): document["best_command"]})
    return page.section(words("sweep.best"), f"<p>{escape(said)}</p>{command}", note)


def _first_runs(ranked: Sequence[dict[str, Any]], words: Words) -> list[tuple[Run, str]]:
    """The first seed of the best trials, under their settings."""
    return [
        (Run(trial["runs"][0]["run"]), settings_text(trial["settings"], words))
        for trial in ranked[:MOST_SHOWN]
    ]


def _samples(ranked: Sequence[dict[str, Any]], words: Words) -> str:
    runs = _first_runs(ranked, words)
    if not runs:
        return ""
    note = words("compare.same-latents")
    return page.section(words("sweep.samples"), films(runs, words), note)


def _overlaid(ranked: Sequence[dict[str, Any]], words: Words) -> list[tuple[str, Any, str]]:
    """The figures of a report, of the best trials over one another."""
    runs = [(name, run.document, run.history) for run, name in _first_runs(ranked, words)]
    overlays = overlays_of(runs, words=words) if runs else []
    return [(one.title, one.figure, one.text) for one in overlays]


def _each(document: dict[str, Any]) -> str:
    return page.commands(
        {Path(run["run"]).name: run["command"] for t in document["trials"] for run in t["runs"]}
    )
