"""The page and the table of `saddle lab demo`: a good run, and a failure that was fixed."""

from __future__ import annotations

from html import escape
from pathlib import Path

from saddlepoint.core.runs import Run
from saddlepoint.evaluation.scores import as_rows, newest_scores
from saddlepoint.reporting import findings, page
from saddlepoint.reporting.facts import Facts, duration, saddle_command
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
    facts = Facts.of(good)
    data = facts.data["name"]
    moving = page.figure(
        page.image(film, "Samples at every stage of the training"),
        "its film: the same latents from the first image to the last",
    )
    healthy = page.pair(
        (page.newest_grid(good, "generated"), page.reals(good, f"real, {data}"), moving)
    )
    # Kept by the treatment, which drops the grids of the life before it.
    before = page.image(mended.samples_folder / "before-treatment-1.png", "Samples while it failed")
    treated = page.pair(
        (page.figure(before, "before the treatment"), page.newest_grid(mended, "treated"))
    )
    told = findings.first_finding(mended) + findings.treatments(mended)
    links = "".join(
        f'<li><a href="{escape(str(run.report_file.relative_to(out.parent)))}">'
        f"The whole report of {escape(run.path.name)}</a></li>"
        for run in (good, mended)
    )
    watched = f"The doctor watched it from the first step and found {findings.all_found(good)}."
    protocol = protocol_sentence(newest_scores(good)[-1])
    sections = [
        page.section("Both runs", page.grid_table(*demo_table(good, mended)), protocol),
        page.section(f"1. {facts.title}: {findings.ending(good)}", healthy, watched),
        page.section(f"2. A planted failure, on {data}. {title}", told + treated, story),
        page.section("Next", page.commands(next_commands(good)) + f"<ul>{links}</ul>"),
    ]
    return page.write_page(out, f"Saddlepoint on {data}", sections)


def demo_table(good: Run, mended: Run) -> tuple[list[str], list[list[str]]]:
    """Header and rows of both runs, for the page and for the terminal."""
    facts = [Facts.of(run) for run in (good, mended)]
    found = findings.first_found(mended)
    named = f"{found.name}, at {found.at_images:,} images" if found else "nothing"
    remedies = [line["remedy"] for line in findings.treatments_of(mended)]
    rows = [
        ["Model", *(str(run.config["preset"]) for run in facts)],
        ["Data", *(str(run.data["name"]) for run in facts)],
        ["Images shown", *(f"{run.n_images:,}" for run in facts)],
        ["Training time", *(duration(run.last("seconds") or 0) for run in facts)],
        ["The doctor found", findings.all_found(good), named],
        ["Treated with", "", ", ".join(remedies) or "none"],
        ["At the end", *map(findings.ending, (good, mended))],
        ["Distance to the data", *(run.distance for run in facts)],
    ]
    scores = newest_scores(good)[-1]
    kind = scores["protocol"]["features"]["kind"]
    for name, value, interval, _ in as_rows(scores):
        if name in MEASURES:
            around = f" [{interval}]" if interval else ""
            rows.append([f"{MEASURES[name]} ({kind})", value + around, ""])
    return ["", "A good run", "A planted failure"], rows


def next_commands(good: Run) -> dict[str, str]:
    """What to try next: what for -> the exact command."""
    known = Facts.of(good).commands()
    chosen = ("Train for ten more minutes", "Walk from image to image")
    more = {
        "See eight ways to fail, each untreated and treated": f"{saddle_command()} lab failures"
    }
    return {purpose: known[purpose] for purpose in chosen} | more
