"""The page of `saddle lab claims`: each claim of the lecture with its verdict, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from saddlepoint.core.texts import Language, Text
from saddlepoint.evaluation.verdicts import Answer, Question, Verdict
from saddlepoint.reporting import page
from saddlepoint.reporting.picture_png import write_sheet
from saddlepoint.reporting.pictures import Photo, Picture, figure
from saddlepoint.reporting.strings import strings
from saddlepoint.reporting.strings.words import Strings
from saddlepoint.reporting.ticks import written


@dataclass(frozen=True, kw_only=True)
class Told:
    """A claim as the page tells it."""

    name: str
    chapter: str
    """A key of `Strings.chapters`."""
    sentence: Text
    varied: Text
    held: Text
    meaning: Text
    command: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    data: str = ""
    """The data that was really used; "" where it is made by the claim."""
    seeds: Sequence[int] = ()
    seconds: float = 0
    verdict: Verdict | None = None
    pictures: Sequence[Picture] = ()
    fault: str = ""
    """Why it could not be tried."""


def write_claims(
    claims: Sequence[Told], out: Path, language: Language, seeds: str, minutes: float
) -> Path:
    """Write the page, and a PNG for each claim beside it where matplotlib is installed.

    Args:
        seeds, minutes: as they were asked for.
    """
    words = strings(language)
    figures: dict[str, Any] = {}
    sections = [_summary(claims, words, language, seeds, minutes)]
    drawn = find_spec("matplotlib") is not None
    if not drawn or find_spec("plotly") is None:
        sections.append(page.WITHOUT_PLOTLY)
    for number, told in enumerate(claims, 1):
        if told.pictures and drawn:
            write_sheet(told.pictures, out.parent, language, png_of(out, told.name))
        sections.append(_section(number, told, words, language, out, figures))
    if figures:
        sections.append(page.plots(figures))
    return page.write_page(out, words.title, sections, language=language)


def png_of(page_file: Path, name: str) -> Path:
    """Where the PNG of a claim lies."""
    return page_file.with_name(f"{name}.png")


def _summary(
    claims: Sequence[Told], words: Strings, language: Language, seeds: str, minutes: float
) -> str:
    rows = "".join(
        f'<tr><th scope="row"><a href="#{told.name}">{escape(told.sentence.to(language))}</a></th>'
        f"<td>{_badge(told, words)}</td>"
        f"<td>{escape(_main_number(told, words, language))}</td></tr>"
        for told in claims
    )
    heads = (words.claim, words.verdict, words.number)
    head = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in heads)
    table = (
        f'<div class="wide"><table class="numbers"><thead><tr>{head}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )
    about = words.about.format(seeds=seeds, budget=minutes)
    note = f'<p class="note">{escape(words.method)}</p>'
    return page.section(words.all_claims, note + table, about)


def _section(
    number: int,
    told: Told,
    words: Strings,
    language: Language,
    out: Path,
    figures: dict[str, Any],
) -> str:
    chapter = words.chapters[told.chapter]
    title = escape(f"{number}. {told.sentence.to(language)}")
    parts = [
        f'<div class="head"><h2 id="{told.name}">{title}</h2>{_badge(told, words)}</div>',
        f'<p class="note">{escape(chapter)} · {told.name}</p>',
        page.table({words.varied: told.varied.to(language), words.held: told.held.to(language)}),
    ]
    if told.fault:
        reason = escape(words.failed.format(reason=told.fault))
        parts.append(f'<p class="failure">{reason}</p>')
    if told.verdict:
        rows = [_row(answer, words, language) for answer in told.verdict.answers]
        header = (words.measured, words.number, words.rule, words.verdict)
        parts.append(page.grid_table(header, rows))
    cards = [
        _card(picture, f"{told.name}-{i}", language, out, figures)
        for i, picture in enumerate(told.pictures)
    ]
    if cards:
        parts.append(f'<div class="cards">{"".join(cards)}</div>')
    if told.verdict:
        parts.append(f"<h3>{escape(words.reads)}</h3><p>{escape(told.meaning.to(language))}</p>")
    facts = {name: str(value) for name, value in told.settings.items()}
    facts[words.data] = told.data or words.no_data
    facts[words.seeds] = ", ".join(map(str, told.seeds))
    facts[words.seconds] = f"{told.seconds:.0f}"
    parts.append(page.folded(words.settings, page.table(facts)))
    parts.append(page.commands({words.command: told.command}))
    return f"<section>\n{''.join(parts)}\n</section>"


def _badge(told: Told, words: Strings) -> str:
    if told.verdict is None:
        return f'<span class="state failed">{escape(words.not_tried)}</span>'
    outcome = told.verdict.outcome
    return f'<span class="state {outcome}">{escape(words.outcomes[outcome])}</span>'


def _row(answer: Answer, words: Strings, language: Language) -> tuple[str, ...]:
    return (
        answer.question.asks.to(language),
        number_of(answer, words),
        rule(answer.question, words),
        words.outcomes[answer.outcome],
    )


def _main_number(told: Told, words: Strings, language: Language) -> str:
    """The first number of a claim, with what it is."""
    if told.verdict is None:
        return ""
    first = told.verdict.answers[0]
    return f"{number_of(first, words)}\n{first.question.asks.to(language)}"


def number_of(answer: Answer, words: Strings) -> str:
    """A value with its interval, or why there is none."""
    if answer.value is None:
        known = None not in answer.question.values
        return words.no_ratio if known and answer.question.ratio else words.no_number
    value = written(answer.value)
    if answer.question.exact:
        return f"{value} ({words.exact})"
    if answer.low is None or answer.high is None:
        return f"{value} ({words.one_seed})"
    return f"{value} [{written(answer.low)}, {written(answer.high)}]"


def rule(question: Question, words: Strings) -> str:
    """The rule of a question in words."""
    seen = words.seen_to if question.falling else words.seen_from
    parts = [seen.format(seen=written(question.seen))]
    if question.opposite is None:
        parts.append(words.else_seen)
    else:
        opposite = words.opposite_from if question.falling else words.opposite_to
        parts += [opposite.format(opposite=written(question.opposite)), words.else_both]
    return "; ".join(parts)


def _card(
    picture: Picture, place: str, language: Language, out: Path, figures: dict[str, Any]
) -> str:
    title, reads = picture.title.to(language), picture.reads.to(language)
    if isinstance(picture, Photo):
        body = page.image(out.parent / picture.file, title)
    elif find_spec("plotly") is None:
        # The whole sheet, below the first of its pictures.
        sheet = png_of(out, place.rpartition("-")[0])
        body = page.image(sheet, title) if place.endswith("-0") and sheet.is_file() else ""
    else:
        figures[place] = figure(picture, language)
        body = page.plot_place(place, title)
    return f'<section class="card"><h3>{escape(title)}</h3>{body}<p>{escape(reads)}</p></section>'
