"""A figure of a run as curves of columns, and what all figures of all pages look like.

plotly is imported when a figure is drawn, so that everything else works without it.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from saddlepoint.core.history import History
from saddlepoint.reporting.wording import Wording

if TYPE_CHECKING:
    import plotly.graph_objects as go

# Okabe and Ito's colours, told apart by every kind of colour vision, lightened a little so that
# one set serves a white and a dark page: https://jfly.uni-koeln.de/color/
BLUE, ORANGE, GREEN, PINK = "#2f8fd0", "#dd6a1f", "#0f9d78", "#c66a9f"
MOST_POINTS = 2000
"""Of a curve, more than a screen is wide: a run may have a million lines of metrics."""
INK, RULE = "#7b8490", "rgba(128,138,150,0.22)"
FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif'


@dataclass(frozen=True)
class Series:
    """One curve: a column of metrics.jsonl and how it is shown."""

    column: str
    label: str
    """May hold `{critic}`, the name that the loss's family gives its discriminator."""
    colour: str
    dash: str = "solid"


@dataclass(frozen=True, kw_only=True)
class Panel:
    """A figure, its place in a report and the text that says how to read it."""

    name: str
    title: str
    """May hold `{critic}`, as may `y_title`."""
    y_title: str
    series: tuple[Series, ...]
    text: str | Callable[[Wording], str]
    rests: Callable[[Wording], list[tuple[float | None, str]]] = lambda wording: []
    """(value, colour) of the dotted lines where curves rest at equilibrium; None: no line."""
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

    def draw(self, history: History, wording: Wording) -> go.Figure | None:
        """One curve for each column that has a finite value; None when none has."""
        import plotly.graph_objects as go

        kimg = history["images"] / 1000
        curves, changes = [], False
        for item in self.series:
            values = _column(history, item.column)
            shown = np.isfinite(values) & np.isfinite(kimg) & ((values > 0) | (not self.log))
            if not shown.any():
                continue
            changes |= len(np.unique(values[shown])) > 1
            shown = thinned(values, shown)
            curve = {
                "type": "scatter",
                # Lists: plotly would write arrays in base64, which no person and no diff can read.
                "x": kimg[shown].tolist(),
                "y": values[shown].tolist(),
                "name": named(item.label, wording),
                # Two points make a line that is easily overlooked.
                "mode": "lines+markers" if self.markers or len(shown) < 3 else "lines",
                "line": {"color": item.colour, "width": 2, "dash": item.dash},
                "marker": {"size": 6},
                "hovertemplate": "%{y:.4~g}",
            }
            curves.append(curve)
        if not curves or (self.only_if_changing and not changes):
            return None
        # Within less than a decade a logarithmic axis may have no tick with a number at all.
        heights = [height for curve in curves for height in curve["y"]]
        log = self.log and max(heights) >= 10 * min(heights)
        y_title = self.y_title.format(critic=wording.critic) + (" (log scale)" if log else "")
        shape = layout(y_title, len(curves))
        # One range for all figures of a run, so that the eye can go straight down a column of them.
        shape["xaxis"]["range"] = [0, 1.02 * float(np.nanmax(kimg))]
        if log:
            shape["yaxis"]["type"] = "log"
        if self.from_zero:
            shape["yaxis"]["rangemode"] = "tozero"
        shape["shapes"] = [
            _horizontal_line(value, colour)
            for value, colour in self.rests(wording)
            if value is not None
        ]
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


def _horizontal_line(y: float, colour: str) -> dict[str, object]:
    ends = {"x0": 0, "x1": 1, "xref": "x domain", "y0": y, "y1": y, "yref": "y"}
    line = {"color": colour, "width": 1.5, "dash": "dot"}
    return {"type": "line", **ends, "line": line, "opacity": 0.7}


def layout(y_title: str, n_curves: int) -> dict[str, Any]:
    """What all figures of all pages look like; x counts real images."""
    axis = {
        "gridcolor": RULE,
        "zeroline": False,
        "automargin": True,
        "title_standoff": 10,
        "title_font_size": 13,
        # Keeps the numbers away from the curves.
        "ticklabelstandoff": 6,
    }
    return {
        "template": "none",
        "font": {"family": FONT, "size": 13, "color": INK},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "height": 320,
        "margin": {"l": 56, "r": 12, "t": 36 if n_curves > 1 else 12, "b": 48},
        "hovermode": "x unified",
        "hoverlabel": {"font_color": "#1b2027", "bgcolor": "rgba(255,255,255,0.95)"},
        "showlegend": n_curves > 1,
        "legend": {"orientation": "h", "x": 0, "xanchor": "left", "y": 1.02, "yanchor": "bottom"},
        "xaxis": {
            **axis,
            "title_text": "Real images shown (thousands)",
            "spikecolor": INK,
            "spikethickness": 1,
            "hoverformat": ",.1~f",
            "unifiedhovertitle": {"text": "%{x} thousand images"},
        },
        # "~g" writes every tick in full: plotly's own are "600µ", and bare digits between powers.
        "yaxis": {**axis, "title_text": y_title, "tickformat": "~g"},
    }
