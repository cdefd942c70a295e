"""The page and the table of `saddle lab demo`: a good run, and a failure that was fixed."""

from __future__ import annotations

from html import escape
from pathlib import Path
from shlex import quote

from saddlepoint.core.runs import Run
from saddlepoint.core.texts import Text
from saddlepoint.evaluation.scores import as_rows, newest_scores
from saddlepoint.reporting import embedded, findings, page
from saddlepoint.reporting.facts import Facts, duration, saddle_command
from saddlepoint.reporting.scores import protocol_sentence
from saddlepoint.reporting.several import Again, each_run
from saddlepoint.reporting.strings import ENGLISH, Words

MEASURES = {"precision": "Precision", "recall": "Recall", "fid": "FID"}


def write_demo(
    good: Run, mended: Run, title: Text, story: Text, out: Path, again: Again, words: Words
) -> Path:
    """Write the page.

    Args:
        mended: the run in which a failure was planted, and treated.
        title: of the planted failure.
        story: what was planted.
    """
    facts, language = Facts.of(good), words.language
    data = facts.data["name"]
    real = embedded.reals(good, words("lab.real", data=data), words)
    healthy = embedded.films([(good, words("lab.generated"))], words, real, embedded.FRAMES)
    # Kept by the treatment, which drops the grids of the life before it.
    kept = mended.samples_folder / "before-treatment-1.png"
    before = embedded.figure(embedded.image(kept, words("lab.while")), words("lab.before"))
    treated = embedded.films([(mended, words("lab.treated"))], words, before, embedded.FRAMES)
    told = findings.first_finding(mended, words) + findings.treatments(mended, words)
    links = "".join(
        f'<li><a href="{escape(str(run.report_file.relative_to(out.parent)))}">'
        f"{escape(words('lab.whole', name=run.path.name))}</a></li>"
        for run in (good, mended)
    )
    watched = words("lab.watched", found=findings.all_found(good, words))
    protocol = protocol_sentence(newest_scores(good)[-1], words)
    healthily = f"1. {facts.title(words)}: {findings.ending_in(good, words)}"
    planted = words("lab.planted", data=data, title=title.to(language))
    both = page.grid_table(*demo_table(good, mended, words))
    further = page.commands(next_commands(good, words))
    sections = [
        page.section(words("lab.both"), both, protocol),
        page.section(healthily, healthy, watched),
        page.section(planted, told + treated, story.to(language)),
        each_run([(good, facts.title(words)), (mended, title.to(language))], again, words),
        page.section(words("lab.next"), f"{further}<ul>{links}</ul>"),
    ]
    return page.write_page(out, words("lab.demo", data=data), sections, words)


def demo_table(good: Run, mended: Run, words: Words = ENGLISH) -> tuple[list[str], list[list[str]]]:
    """Header and rows of both runs, for the page and for the terminal."""
    facts = [Facts.of(run) for run in (good, mended)]
    found, named = findings.first_found(mended), words("doctor.none")
    if found:
        images = words.number(f"{found.at_images:,}")
        named = words("lab.found-images", name=found.name, images=images)
    remedies = [line["remedy"] for line in findings.treatments_of(mended)]
    shown = [words.number(f"{run.n_images:,}") for run in facts]
    rows = [
        [words("lab.model"), *(str(run.config["preset"]) for run in facts)],
        [words("lab.data"), *(str(run.data["name"]) for run in facts)],
        [words("lab.images"), *shown],
        [words("lab.time"), *(duration(run.last("seconds") or 0, words) for run in facts)],
        [words("lab.doctor-found"), findings.all_found(good, words), named],
        [words("lab.treated-with"), "", ", ".join(remedies) or words("lab.none")],
        [words("lab.at-the-end"), *(findings.ending_in(run, words) for run in (good, mended))],
        [words("facts.distance"), *(run.distance(words) for run in facts)],
    ]
    scores = newest_scores(good)[-1]
    kind = scores["protocol"]["features"]["kind"]
    for name, value, interval, _ in as_rows(scores):
        if name in MEASURES:
            ends = interval.split(" to ")
            around = words("page.to", low=ends[0], high=ends[-1]) if interval else ""
            text = words.number(f"{value} [{around}]" if around else value)
            rows.append([f"{MEASURES[name]} ({kind})", text, ""])
    return ["", words("lab.good"), words("lab.bad")], rows


def next_commands(good: Run, words: Words = ENGLISH) -> dict[str, str]:
    """What to try next: what for -> the exact command."""
    known, runs = Facts.of(good).commands(), good.path.parent
    # The studio looks into runs/ by itself, and finds other runs there, too.
    place = "" if runs.parent == Path("runs") else f" {quote(str(runs))}"
    chosen = {words("lab.studio"): f"{saddle_command()} studio{place}"}
    chosen |= {words(f"next.{key}"): known[key] for key in ("longer", "walk")}
    return chosen | {words("lab.eight"): f"{saddle_command()} lab failures"}
