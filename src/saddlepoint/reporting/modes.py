"""The page of `saddle lab modes`: modes covered by each loss, beside what has been published."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple, TypedDict

from saddlepoint.core.documents import Count, Size
from saddlepoint.core.runs import Run
from saddlepoint.core.texts import Text
from saddlepoint.reporting import embedded, page
from saddlepoint.reporting.pictures import Chart, Curve, figure
from saddlepoint.reporting.plots import curves_section
from saddlepoint.reporting.strings import Words

HEADS = (
    "loss",
    "runs",
    "modes",
    "every-mode",
    "high-quality",
    "spread",
    "kl",
    "kimg",
    "minutes",
    "source",
)


class Coverage(TypedDict):
    """What was counted of the samples of one run, or of real items."""

    seed: Count
    state: str
    """finished, or failed: then it counts what the last checkpoint covers, or nothing."""
    n: Count
    """Samples."""
    modes: Count
    high_quality: Size | None
    """Share of points near a centre; None for images."""
    spread: Size | None
    """Standard deviation of the good points about their centres, relative to the true one."""
    kl: Size | None
    """Of the modes' shares from equal ones, in nats; None without any sample on a mode."""
    accuracy: Size | None
    """Of the classifier that counted, on images that it never saw; None for points."""
    images: Count
    """Real ones shown to the discriminator."""
    seconds: Size
    """Of training."""


class Published(NamedTuple):
    """A row of somebody else's table, as it is printed there."""

    method: str
    source: str
    modes: str
    high_quality: str = ""
    """In percent."""
    kl: str = ""


@dataclass(frozen=True, kw_only=True)
class PlaceOfModes:
    """Data with known modes, as the page tells of it."""

    name: str
    title: Text
    about: Text
    """The protocol, with a place for the number `{n}` of samples."""
    modes: int
    published: tuple[Published, ...]


@dataclass(frozen=True, kw_only=True)
class Told:
    """All results on one place."""

    place: PlaceOfModes
    real: Coverage
    """Of fresh real items: what a perfect generator would reach."""
    losses: Mapping[str, Sequence[Coverage]]
    """Name of a loss -> its runs, one a seed."""


def write_modes(results: Sequence[Told], out: Path, command: str, words: Words) -> Path:
    """Write the page.

    Args:
        out: its file, beside the folders `PLACE/LOSS/seed-N` of the runs.
        command: that goes on with the lab.
    """
    sections, charts = [], []
    for told in results:
        heads = [words(f"modes.{key}") for key in HEADS]
        body = _table(heads, table_rows(told, words)) + _grids(told, out.parent, words)
        sections.append(page.section(told.place.title.to(words.language), body, about(told, words)))
        if find_spec("plotly") is not None:
            chart = _chart(told)
            title, reads = chart.title.to(words.language), chart.reads.to(words.language)
            charts.append((title, figure(chart, words.language), reads))
    sections.append(page.section(words("modes.reading"), note=words("modes.note")))
    sections.append(curves_section(charts, words, words("modes.side-by-side")))
    lines = page.commands({words("lab.again"): command})
    sections.append(page.section(words("report.reproduce"), lines))
    return page.write_page(out, words("modes.title"), sections, words)


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Without the columns that say nothing here: images have no spread about a centre."""
    columns = [column for column in zip(heads, *rows, strict=True) if any(column[1:])]
    shown_heads, *shown_rows = zip(*columns, strict=True)
    return page.grid_table(shown_heads, shown_rows)


def about(told: Told, words: Words) -> str:
    """The protocol of a table, with the classifier's accuracy where one has counted."""
    n = words.number(f"{told.real['n']:,}")
    text = told.place.about.to(words.language).format(n=n)
    accuracy = told.real["accuracy"]
    if accuracy is not None:
        right = words.number(f"{100 * accuracy:.2f}")
        text += " " + words("modes.accuracy", right=right)
    return text


def table_rows(told: Told, words: Words) -> list[list[str]]:
    """A perfect generator, every loss with its runs, and what has been published."""
    every = told.place.modes
    perfect = _row(words("modes.perfect"), [told.real], every, words("modes.real"), words)
    # Nothing was trained for it.
    perfect[1] = perfect[3] = perfect[7] = perfect[8] = ""
    here = words("modes.here")
    ours = [_row(name, runs, every, here, words) for name, runs in told.losses.items()]
    theirs = [
        [row.method, "", row.modes, "", row.high_quality, "", row.kl, "", "", row.source]
        for row in told.place.published
    ]
    theirs = [[*map(words.number, row[:-1]), row[-1]] for row in theirs]
    return [perfect, *ours, *theirs]


def _row(name: str, runs: Sequence[Coverage], every: int, source: str, words: Words) -> list[str]:
    """One loss: means over its runs, with the lowest and highest where they differ."""
    failed = sum(run["state"] != "finished" for run in runs)
    whole = sum(run["modes"] == every for run in runs)
    shares = [None if (share := run["high_quality"]) is None else 100 * share for run in runs]
    return [
        name + (f" ({words('modes.failed', n=failed)})" if failed else ""),
        str(len(runs)),
        around([run["modes"] for run in runs], ",.1f" if every < 100 else ",.0f", words),
        words("modes.of", n=whole, all=len(runs)),
        around(shares, ".1f", words),
        around([run["spread"] for run in runs], ".2f", words),
        around([run["kl"] for run in runs], ".3f", words),
        _mean([run["images"] / 1000 for run in runs], ",.0f", words),
        _mean([run["seconds"] / 60 for run in runs], ".1f", words),
        source,
    ]


def around(values: Sequence[float | None], form: str, words: Words) -> str:
    """The mean of a number over runs with its lowest and highest; "" where a run has none."""
    known = [value for value in values if value is not None]
    if len(known) < len(values):
        return words("modes.not-all", n=len(known)) if known else ""
    low, high = (words.number(format(end, form)) for end in (min(known), max(known)))
    mean = _mean(known, form, words)
    return mean if low == high else words("modes.interval", mean=mean, low=low, high=high)


def _mean(values: Sequence[float], form: str, words: Words) -> str:
    return words.number(format(sum(values) / len(values), form))


def _grids(told: Told, out: Path, words: Words) -> str:
    """Samples of each loss, of its first run, folded away."""
    grids = [
        embedded.newest_grid(_run(out, told, name, runs[0]), name, words)
        for name, runs in told.losses.items()
    ]
    return page.folded(words("modes.samples"), embedded.pair(grids)) if any(grids) else ""


def _run(out: Path, told: Told, name: str, first: Coverage) -> Run:
    return Run(out / told.place.name / name / f"seed-{first['seed']}")


def _chart(told: Told) -> Chart:
    """The share of modes and of good points by loss, each with its lowest and highest run."""
    every = told.place.modes
    parts: list[tuple[Text, Callable[[Coverage], float]]] = [
        (Text(en="modes covered", vi="mode được phủ"), lambda run: run["modes"] / every)
    ]
    if told.real["high_quality"] is not None:
        good = Text(en="points of high quality", vi="điểm tốt")
        parts.append((good, lambda run: run["high_quality"] or 0.0))
    names = list(told.losses)
    curves = []
    for name, of in parts:
        rows = [[of(run) for run in told.losses[loss]] for loss in names]
        means = [sum(row) / len(row) for row in rows]
        lows, highs = [min(row) for row in rows], [max(row) for row in rows]
        curves.append(Curve(name=name, x=names, y=means, low=lows, high=highs, mark="bars"))
    return Chart(
        title=told.place.title,
        x_label=Text(en="Loss", vi="Hàm mất mát"),
        y_label=Text(en="Share", vi="Tỉ lệ"),
        curves=curves,
        reads=Text(
            en="Mean, lowest and highest run.",
            vi="Trung bình, lần chạy thấp nhất và cao nhất.",
        ),
    )
