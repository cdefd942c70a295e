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
from saddlepoint.reporting import embedded, page, plots
from saddlepoint.reporting.picture_png import write_sheet
from saddlepoint.reporting.pictures import Photo, Picture, figure
from saddlepoint.reporting.strings import Words, words_in
from saddlepoint.reporting.ticks import written


@dataclass(frozen=True, kw_only=True)
class Told:
    """A claim as the page tells it."""

    name: str
    chapter: str
    """As in the keys `claims.chapter-...` of the texts."""
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
    words = words_in(language)
    figures: dict[str, Any] = {}
    about = words("claims.about", seeds=seeds, budget=words.number(f"{minutes:g}"))
    sections = [_summary(claims, words, about)]
    drawn = find_spec("matplotlib") is not None
    if not drawn or find_spec("plotly") is None:
        sections.append(plots.without_plotly(words))
    for number, told in enumerate(claims, 1):
        if told.pictures and drawn:
            write_sheet(told.pictures, out.parent, language, png_of(out, told.name))
        sections.append(_section(number, told, words, out, figures))
    if figures:
        sections.append(plots.plots(figures, words))
    return page.write_page(out, words("claims.title"), sections, words)


def png_of(page_file: Path, name: str) -> Path:
    """Where the PNG of a claim lies."""
    return page_file.with_name(f"{name}.png")


def _summary(claims: Sequence[Told], words: Words, about: str) -> str:
    rows = "".join(
        f'<tr><th scope="row"><a href="#{told.name}">'
        f"{escape(told.sentence.to(words.language))}</a></th>"
        f"<td>{_badge(told, words)}</td>"
        f"<td>{escape(_main_number(told, words))}</td></tr>"
        for told in claims
    )
    heads = (words(f"claims.{key}") for key in ("claim", "verdict", "number"))
    head = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in heads)
    table = (
        f'<div class="wide"><table class="numbers"><thead><tr>{head}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )
    note = f'<p class="note">{escape(words("claims.method"))}</p>'
    return page.section(words("claims.all-claims"), note + table, about)


def _section(number: int, told: Told, words: Words, out: Path, figures: dict[str, Any]) -> str:
    language = words.language
    chapter = words(f"claims.chapter-{told.chapter}")
    title = escape(f"{number}. {told.sentence.to(language)}")
    varied, held = words("claims.varied"), words("claims.held")
    parts = [
        f'<div class="head"><h2 id="{told.name}">{title}</h2>{_badge(told, words)}</div>',
        f'<p class="note">{escape(chapter)} · {told.name}</p>',
        page.table({varied: told.varied.to(language), held: told.held.to(language)}),
    ]
    if told.fault:
        reason = escape(words("claims.failed", reason=told.fault))
        parts.append(f'<p class="failure">{reason}</p>')
    if told.verdict:
        rows = [_row(answer, words) for answer in told.verdict.answers]
        heads = [words(f"claims.{key}") for key in ("measured", "number", "rule", "verdict")]
        parts.append(page.grid_table(heads, rows))
    cards = [
        _card(picture, f"{told.name}-{i}", words, out, figures)
        for i, picture in enumerate(told.pictures)
    ]
    if cards:
        parts.append(f'<div class="cards">{"".join(cards)}</div>')
    if told.verdict:
        reads = escape(words("claims.reads"))
        parts.append(f"<h3>{reads}</h3><p>{escape(told.meaning.to(language))}</p>")
    facts = {name: str(value) for name, value in told.settings.items()}
    facts[words("claims.data")] = told.data or words("claims.no-data")
    facts[words("claims.seeds")] = ", ".join(map(str, told.seeds))
    facts[words("claims.seconds")] = words.number(f"{told.seconds:,.0f}")
    parts.append(page.folded(words("claims.settings"), page.table(facts)))
    parts.append(page.commands({words("claims.command"): told.command}))
    return f"<section>\n{''.join(parts)}\n</section>"


def _badge(told: Told, words: Words) -> str:
    if told.verdict is None:
        return f'<span class="state failed">{escape(words("claims.not-tried"))}</span>'
    outcome = told.verdict.outcome
    said = words(f"claims.outcome-{outcome}")
    return f'<span class="state {outcome}">{escape(said)}</span>'


def _row(answer: Answer, words: Words) -> tuple[str, ...]:
    return (
        answer.question.asks.to(words.language),
        number_of(answer, words),
        rule(answer.question, words),
        words(f"claims.outcome-{answer.outcome}"),
    )


def _main_number(told: Told, words: Words) -> str:
    """The first number of a claim, with what it is."""
    if told.verdict is None:
        return ""
    first = told.verdict.answers[0]
    return f"{number_of(first, words)}\n{first.question.asks.to(words.language)}"


def number_of(answer: Answer, words: Words) -> str:
    """A value with its interval, or why there is none."""
    if answer.value is None:
        known = None not in answer.question.values
        return words("claims.no-ratio" if known and answer.question.ratio else "claims.no-number")
    value = _written(answer.value, words)
    if answer.question.exact:
        return f"{value} ({words('claims.exact')})"
    if answer.low is None or answer.high is None:
        return f"{value} ({words('claims.one-seed')})"
    low, high = _written(answer.low, words), _written(answer.high, words)
    return words("claims.interval", value=value, low=low, high=high)


def rule(question: Question, words: Words) -> str:
    """The rule of a question in words."""
    ends = ("to", "from") if question.falling else ("from", "to")
    parts = [words(f"claims.seen-{ends[0]}", seen=_written(question.seen, words))]
    if question.opposite is None:
        parts.append(words("claims.else-seen"))
    else:
        opposite = _written(question.opposite, words)
        parts.append(words(f"claims.opposite-{ends[1]}", opposite=opposite))
        parts.append(words("claims.else-both"))
    return "; ".join(parts)


def _written(value: float, words: Words) -> str:
    return words.number(written(value))


def _card(picture: Picture, place: str, words: Words, out: Path, figures: dict[str, Any]) -> str:
    title, reads = picture.title.to(words.language), picture.reads.to(words.language)
    if isinstance(picture, Photo):
        body = embedded.image(out.parent / picture.file, title)
    elif find_spec("plotly") is None:
        # The whole sheet, below the first of its pictures.
        sheet = png_of(out, place.rpartition("-")[0])
        body = embedded.image(sheet, title) if place.endswith("-0") and sheet.is_file() else ""
    else:
        figures[place] = figure(picture, words.language)
        body = plots.plot_place(place, title)
    return f'<section class="card"><h3>{escape(title)}</h3>{body}<p>{escape(reads)}</p></section>'
