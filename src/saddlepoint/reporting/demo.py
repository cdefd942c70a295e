"""The page and the table of `saddle lab demo`: a good run, and a failure that was mended."""

from __future__ import annotations

import shlex
from html import escape
from pathlib import Path
from typing import Any

from saddlepoint.core.runs import Run
from saddlepoint.evaluation.scores import in_digits, newest_scores
from saddlepoint.reporting.facts import Facts, duration, saddle_command
from saddlepoint.reporting.failures import (
    HEALTHY,
    distance,
    ending,
    first_finding,
    first_found,
    treatments,
)
from saddlepoint.reporting.page import (
    commands,
    figure_of,
    grid_table,
    newest_grid,
    pair,
    section,
    write_page,
)
from saddlepoint.reporting.pictures import film_uri
from saddlepoint.reporting.scores import protocol_sentence

MEASURES = {"precision": "Precision", "recall": "Recall", "fid": "FID"}


def write_demo(good: Run, mended: Run, film: Path, title: str, story: str, out: Path) -> Path:
    """Write the page.

    Args:
        mended: the run in which a failure was planted, and treated.
        film: a GIF of how the good run's samples developed.
        title: of the planted failure.
        story: what was planted.
    """
    data = Facts.of(good).data["name"]
    reals = figure_of(good.samples_folder / "reals.png", f"Real images, {data}", f"real, {data}")
    moving = (
        f'<figure><img src="{film_uri(film)}" alt="Samples at every stage of the training">'
        "<figcaption>its film: the same latents from the first image to the last</figcaption>"
        "</figure>"
    )
    # Kept by the treatment, which drops the grids of the life before it.
    before = mended.samples_folder / "before-treatment-1.png"
    pictures = (
        figure_of(before, "Samples before the treatment", "before the treatment"),
        newest_grid(mended, "treated"),
    )
    links = "".join(
        f'<li><a href="{escape(str(run.report_file.relative_to(out.parent)))}">'
        f"The whole report of {escape(run.path.name)}</a></li>"
        for run in (good, mended)
    )
    header, rows = demo_table(good, mended)
    sections = [
        section("Both runs", grid_table(header, rows), protocol_sentence(_scores(good))),
        section(
            f"1. {Facts.of(good).title}: {'healthy' if ending(good) == HEALTHY else ending(good)}",
            pair((newest_grid(good, "generated"), reals, moving)),
            f"The doctor watched it from the first step and found {_verdict(good)}.",
        ),
        section(
            f"2. A planted failure, on {data}. {title}",
            first_finding(mended) + treatments(mended) + pair(pictures),
            story,
        ),
        section("Next", commands(next_commands(good)) + f"<ul>{links}</ul>"),
    ]
    return write_page(out, f"Saddlepoint on {data}", sections)


def demo_table(good: Run, mended: Run) -> tuple[list[str], list[list[str]]]:
    """Header and rows of both runs, for the page and for the terminal."""
    runs = (good, mended)
    found, healed = first_found(mended), mended.document.get("treatments", [])
    named = f"{found.name}, at {found.at_images:,} images" if found else "nothing"
    remedy = ", ".join(line["remedy"] for line in healed) or "none"
    scores = _scores(good)
    kind = scores["protocol"]["features"]["kind"]
    rows = [
        ["Model", *(str(Facts.of(run).config["preset"]) for run in runs)],
        ["Data", *(str(Facts.of(run).data["name"]) for run in runs)],
        ["Images shown", *(f"{Facts.of(run).n_images:,}" for run in runs)],
        ["Training time", *(duration(Facts.of(run).last("seconds") or 0) for run in runs)],
        ["The doctor found", _verdict(good), named],
        ["Treated with", "", remedy],
        ["At the end", *map(ending, runs)],
        ["Distance to the data", *map(distance, runs)],
    ]
    for name, label in MEASURES.items():
        if name in scores["values"]:
            rows.append([f"{label} ({kind})", _number(scores["values"][name]), ""])
    return ["", "A good run", "A planted failure"], rows


def next_commands(good: Run) -> dict[str, str]:
    """What to try next: what for -> the exact command."""
    saddle, path = saddle_command(), shlex.quote(str(good.path))
    return {
        "Train it for ten more minutes": f"{saddle} resume {path} --minutes 10",
        "Walk from image to image": (
            f"{saddle} sample {path} --seeds 0-7 --interpolate --out walk.gif"
        ),
        "See eight ways to fail, each untreated and treated": f"{saddle} lab failures",
    }


def _verdict(run: Run) -> str:
    found = dict.fromkeys(line["name"] for line in run.findings if line["event"] == "found")
    return ", ".join(found) or "nothing"


def _scores(run: Run) -> dict[str, Any]:
    return newest_scores(run)[-1]


def _number(number: dict[str, Any]) -> str:
    ends = number["interval"]
    around = "" if ends is None else f" [{in_digits(ends[0])} to {in_digits(ends[1])}]"
    return in_digits(number["value"]) + around
