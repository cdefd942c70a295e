"""A figure of a run as curves of columns.

plotly is imported when a figure is drawn, so that everything else works without it.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from saddlepoint.core.findings import Range
from saddlepoint.core.history import History
from saddlepoint.reporting.figure_style import band, band_between, horizontal_line, layout
from saddlepoint.reporting.palette import INK
from saddlepoint.reporting.wording import Wording

if TYPE_CHECKING:
    import plotly.graph_objects as go

MOST_POINTS = 2000
"""Of a curve, more than a screen is wide: a run may have a million lines of metrics."""


@dataclass(frozen=True)
class Series:
    """One curve: a column of metrics.jsonl and how it is shown."""

    column: str
    label: str
    """May hold `{critic}`, the name that the loss's family gives its discriminator."""
    colour: str
    dash: str = "solid"


class Rest(NamedTuple):
    """A dotted line where a curve rests at equilibrium."""

    value: float | None
    """None: no line."""
    colour: str
    column: str = ""
    """Of the curve; "" is all curves of the panel."""


@dataclass(frozen=True, kw_only=True)
class Panel:
    """A figure, its place in a report and the text that says how to read it."""

    name: str
    title: str
    """May hold `{critic}`, as may `y_title`."""
    y_title: str
    series: tuple[Series, ...]
    text: str | Callable[[Wording], str]
    rests: Callable[[Wording], Sequence[Rest]] = lambda wording: ()
    gap: str = ""
    """What the doctor calls the distance of its two curves, where that has a healthy range."""
    log: bool = False
    from_zero: bool = False
    markers: bool = False
    only_if_changing: bool = False
    """Whether curves that stay where they began are left out."""
    only_if_named: bool = False
    """Whether it is left out where all figures of a run are shown."""

    def reading(self, wording: Wording) -> str:
        """How to read the figure."""
        return self.text if isinstance(self.text, str) else self.text(wording)

    def draw(
        self, history: History, wording: Wording, healthy: Mapping[str, Range] | None = None
    ) -> go.Figure | None:
        """One curve for each column that has a finite value; None when none has.

        Args:
            healthy: column -> the range that is shown behind its curve.
        """
        kimg = history["images"] / 1000
        drawn = [
            self._curve(history, kimg, item, named(item.label, wording)) for item in self.series
        ]
        curves = [curve for curve in drawn if curve is not None]
        changes = any(len(set(curve["y"])) > 1 for curve in curves)
        if not curves or (self.only_if_changing and not changes):
            return None
        # One range for all figures of a run, so that the eye can go straight down a column of them.
        bands = self._bands(curves, healthy or {})
        return self._figure(curves, self.rests(wording), wording, float(np.nanmax(kimg)), bands)

    def _bands(
        self, curves: list[dict[str, Any]], healthy: Mapping[str, Range]
    ) -> list[dict[str, Any]]:
        """As far as the curves go: a band without an end must not flatten them."""
        heights = [height for curve in curves for height in curve["y"]]
        found = []
        for item in self.series:
            if item.column in healthy:
                found.append(band(healthy[item.column], heights, self.log))
        _, widest = healthy.get(self.gap, (None, None))
        if widest is not None and len(curves) == 2 and curves[0]["x"] == curves[1]["x"]:
            found.append(band_between(curves[0], curves[1], widest, heights))
        return found

    def overlay(
        self, item: Series, runs: Sequence[tuple[History, Series]], by_time: bool, wording: Wording
    ) -> go.Figure | None:
        """One column of several histories; None when none has a finite value of it.

        Args:
            item: the curve of this panel.
            runs: each history with how it is shown: label, colour and dash of the series.
            by_time: over minutes of training, not over images.
            wording: one that fits all of them.
        """
        across = [
            history["seconds"] / 60 if by_time else history["images"] / 1000 for history, _ in runs
        ]
        drawn = [
            self._curve(history, x, replace(shown, column=item.column), shown.label)
            for (history, shown), x in zip(runs, across, strict=True)
        ]
        curves = [curve for curve in drawn if curve is not None]
        constant = len({y for curve in curves for y in curve["y"]}) == 1
        if not curves or (self.only_if_changing and constant):
            return None
        rests = [
            rest._replace(colour=INK)
            for rest in self.rests(wording)
            if rest.column in ("", item.column)
        ]
        end = max(x for curve in curves for x in curve["x"])
        figure = self._figure(curves, rests, wording, end)
        if by_time:
            minutes = {
                "title_text": "Minutes of training",
                "unifiedhovertitle_text": "%{x} minutes",
            }
            figure.update_layout({"xaxis": minutes})
        return figure

    def _curve(
        self, history: History, across: np.ndarray, item: Series, name: str
    ) -> dict[str, Any] | None:
        values = _column(history, item.column)
        shown = np.isfinite(values) & np.isfinite(across) & ((values > 0) | (not self.log))
        if not shown.any():
            return None
        places = thinned(values, shown)
        return {
            "type": "scatter",
            # Lists: plotly would write arrays in base64, which no person and no diff can read.
            "x": across[places].tolist(),
            "y": values[places].tolist(),
            "name": name,
            # Two points make a line that is easily overlooked.
            "mode": "lines+markers" if self.markers or len(places) < 3 else "lines",
            "line": {"color": item.colour, "width": 2, "dash": item.dash},
            "marker": {"size": 6},
            "hovertemplate": "%{y:.4~g}",
        }

    def _figure(
        self,
        curves: list[dict[str, Any]],
        rests: Sequence[Rest],
        wording: Wording,
        end: float,
        bands: Sequence[dict[str, Any]] = (),
    ) -> go.Figure:
        import plotly.graph_objects as go

        # Within less than a decade a logarithmic axis may have no tick with a number at all.
        heights = [height for curve in curves for height in curve["y"]]
        log = self.log and max(heights) >= 10 * min(heights)
        y_title = self.y_title.format(critic=wording.critic) + (" (log scale)" if log else "")
        shape = layout(y_title, len(curves))
        shape["xaxis"]["range"] = [0, 1.02 * end]
        if log:
            shape["yaxis"]["type"] = "log"
            # Of a few decades plotly would write every digit, one over another: 1, 2 and 5 will do.
            if max(heights) < 1000 * min(heights):
                shape["yaxis"]["dtick"] = "D2"
        if self.from_zero:
            shape["yaxis"]["rangemode"] = "tozero"
        lines = [
            horizontal_line(rest.value, rest.colour) for rest in rests if rest.value is not None
        ]
        shape["shapes"] = [*bands, *lines]
        if bands:
            shape["meta"] = {"bands": True}
        # In one call: plotly checks every later change against the whole figure.
        return go.Figure(curves, shape)


def thinned(values: np.ndarray, shown: np.ndarray) -> np.ndarray:
    """The places of at most MOST_POINTS values that draw the curve of all of them.

    Args:
        values: [n]
        shown: bool [n], which of them there are.

    Returns:
        int64 [m]: of every stretch the least and the greatest value, so that no spike is lost.
    """
    places = np.flatnonzero(shown)
    if len(places) <= MOST_POINTS:
        return places
    ends = np.linspace(0, len(places), MOST_POINTS // 2 + 1).astype(int)
    kept = {0, len(places) - 1}
    for start, end in itertools.pairwise(ends.tolist()):
        stretch = values[places[start:end]]
        kept |= {start + int(stretch.argmin()), start + int(stretch.argmax())}
    return places[sorted(kept)]


def _column(history: History, name: str) -> np.ndarray:
    """float64 [ticks]"""
    if name != "steps_per_second":
        return history[name]
    steps, seconds = (np.diff(history[column], prepend=0.0) for column in ("step", "seconds"))
    # A resumed run may measure no time between two lines.
    return np.divide(steps, seconds, out=np.full(len(history), np.nan), where=seconds > 0)


def named(text: str, wording: Wording) -> str:
    named = text.format(critic=wording.critic)
    return named[:1].upper() + named[1:]
