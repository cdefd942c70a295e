"""Pictures as data, in two languages: each kind is drawn once for the page and once as PNG.

plotly is imported when a figure is drawn; `picture_png` draws the same data with matplotlib.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from saddlepoint.core.texts import Language, Text, said
from saddlepoint.reporting.figure_style import layout
from saddlepoint.reporting.palette import COLOURS, INK
from saddlepoint.reporting.ticks import log_ticks, written

if TYPE_CHECKING:
    import plotly.graph_objects as go

SCALE = [[0.0, "#f4f6f8"], [0.35, "#8cc0e4"], [0.7, "#2f6fae"], [1.0, "#0b2a4a"]]
SIGNED_SCALE = [[0.0, "#c8532f"], [0.5, "#f4f6f8"], [1.0, "#2f7fc0"]]
"""Of heat maps, from the lowest value to the highest: told apart by lightness alone."""


@dataclass(frozen=True, kw_only=True)
class Curve:
    """One row of numbers in a chart."""

    name: Text | str
    x: Sequence[float] | Sequence[Text | str]
    """Numbers, or names of categories."""
    y: Sequence[float | None]
    low: Sequence[float | None] = ()
    """Lower ends of intervals, one for each of y; empty without intervals."""
    high: Sequence[float | None] = ()
    texts: Sequence[Text | str] = ()
    """Written beside the points, one for each of y; empty without."""
    mark: Literal["line", "points", "bars"] = "line"
    dash: bool = False
    colour: int | None = None
    """Of COLOURS; by default the curve's place in its chart."""


@dataclass(frozen=True, kw_only=True)
class Chart:
    """Curves, bars or points over one pair of axes."""

    title: Text
    x_label: Text
    y_label: Text
    curves: Sequence[Curve]
    reads: Text
    """How to read it: one or two sentences below it."""
    log_x: bool = False
    log_y: bool = False
    rests: Sequence[tuple[float, Text | str]] = field(default_factory=tuple)
    """Heights of dotted lines, each with its name."""
    square: bool = False
    """A unit is as long on one axis as on the other, for points in the plane."""

    @property
    def categories(self) -> list[Text | str]:
        """Names on the x axis in their order; [] for a numeric axis."""
        every = [x for curve in self.curves for x in curve.x if isinstance(x, str | tuple)]
        return list(dict.fromkeys(every))


@dataclass(frozen=True, kw_only=True)
class HeatMap:
    """A number for each place of a plane, as colours."""

    title: Text
    x_label: Text
    y_label: Text
    x: Sequence[float] | Sequence[str]
    y: Sequence[float] | Sequence[str]
    """Of the rows; the first is drawn at the bottom, names at the top."""
    z: Sequence[Sequence[float]]
    """A row for each of y."""
    reads: Text
    signed: bool = False
    """Whether colours go both ways from 0, and each number stands in its place."""

    @property
    def reach(self) -> float:
        """The greatest size of a number: a signed scale reaches as far to either side."""
        return max(abs(number) for row in self.z for number in row) or 1.0


@dataclass(frozen=True, kw_only=True)
class Photo:
    """A picture file that measuring has written: a grid of samples, or a film."""

    title: Text
    file: str
    """PNG or GIF, as a path inside the folder of the lab."""
    reads: Text


Picture = Chart | HeatMap | Photo


def figure(picture: Chart | HeatMap, language: Language) -> go.Figure:
    """The interactive drawing."""
    import plotly.graph_objects as go

    shape = layout(
        picture.y_label.to(language),
        len(picture.curves) + len(picture.rests) if isinstance(picture, Chart) else 1,
    )
    shape["xaxis"] = {**shape["yaxis"], "title_text": picture.x_label.to(language)}
    if isinstance(picture, HeatMap):
        shape["margin"]["t"] = 12
        if picture.y and isinstance(picture.y[0], str):
            shape["yaxis"]["autorange"] = "reversed"
        return go.Figure([_colours(picture)], shape)
    categories = [said(name, language) for name in picture.categories]
    if categories:
        shape["xaxis"] |= {"type": "category", "categoryorder": "array"}
        shape["xaxis"]["categoryarray"] = categories
    shape["hovermode"] = "closest" if picture.square else "x unified"
    for axis, logarithmic in (("xaxis", picture.log_x), ("yaxis", picture.log_y)):
        if logarithmic:
            shape[axis] |= {"type": "log", **_decades(picture, axis == "xaxis")}
    if picture.square:
        shape["yaxis"] |= {"scaleanchor": "x", "scaleratio": 1}
        shape["height"] = 420
    traces = [
        trace for n, curve in enumerate(picture.curves) for trace in _trace(curve, n, language)
    ]
    traces += [_rest(picture, index, language) for index in range(len(picture.rests))]
    return go.Figure(traces, shape)


def _decades(chart: Chart, across: bool) -> dict[str, Any]:
    """The ticks of a logarithmic axis: plotly's own are bare digits between powers of ten."""
    every = [value for curve in chart.curves for value in (curve.x if across else curve.y)]
    every += [] if across else [height for height, _ in chart.rests]
    known = [value for value in every if isinstance(value, int | float) and value > 0]
    places = log_ticks(min(known), max(known)) if known else []
    return {"tickvals": places, "ticktext": [written(place) for place in places]}


def _trace(curve: Curve, number: int, language: Language) -> list[dict[str, Any]]:
    colour = COLOURS[(number if curve.colour is None else curve.colour) % len(COLOURS)]
    x = [said(item, language) if isinstance(item, str | tuple) else item for item in curve.x]
    trace: dict[str, Any] = {
        "x": x,
        "y": list(curve.y),
        "name": said(curve.name, language),
        "hovertemplate": "%{y:.4~g}",
    }
    if not trace["name"]:
        trace["showlegend"] = False  # beside a line that has a name, it would be a bare square
    if curve.mark == "bars":
        trace |= {"type": "bar", "marker": {"color": colour}}
    elif curve.mark == "points":
        size = 4 if len(x) > 100 else 8
        trace |= {"type": "scatter", "mode": "markers", "marker": {"color": colour, "size": size}}
        if len(curve.texts):
            trace |= {"mode": "markers+text", "textposition": "top center"}
            trace["text"] = [said(text, language) for text in curve.texts]
    else:
        mode = "lines" if len(x) > 30 else "lines+markers"
        line = {"color": colour, "width": 2, "dash": "dash" if curve.dash else "solid"}
        trace |= {"type": "scatter", "mode": mode, "line": line, "marker": {"size": 6}}
    if len(curve.low) and len(x) > 30:
        edge = {"type": "scatter", "mode": "lines", "x": x, "line": {"width": 0}}
        edge |= {"showlegend": False, "hoverinfo": "skip"}
        upper = {**edge, "y": list(curve.high), "fill": "tonexty", "fillcolor": _faint(colour)}
        return [{**edge, "y": list(curve.low)}, upper, trace]
    if len(curve.low):
        ends = list(zip(curve.y, curve.low, curve.high, strict=True))
        up = [0 if y is None or high is None else high - y for y, _, high in ends]
        down = [0 if y is None or low is None else y - low for y, low, _ in ends]
        trace["error_y"] = {"type": "data", "symmetric": False, "array": up, "arrayminus": down}
        trace["error_y"]["color"] = INK if curve.mark == "bars" else colour
    return [trace]


def _faint(colour: str) -> str:
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},0.2)"


def _rest(chart: Chart, index: int, language: Language) -> dict[str, Any]:
    """A dotted line from one end of the data to the other, which the legend names."""
    height, name = chart.rests[index]
    numbers = [x for curve in chart.curves for x in curve.x if isinstance(x, int | float)]
    names = [said(category, language) for category in chart.categories]
    ends = [names[0], names[-1]] if names else [min(numbers), max(numbers)]
    line = {"color": INK, "width": 1.5, "dash": ("dot", "dash")[index % 2]}
    trace = {"type": "scatter", "mode": "lines", "x": ends, "y": [height, height], "line": line}
    return {**trace, "name": said(name, language), "hovertemplate": "%{y:.4~g}"}


def _both_ways(heat: HeatMap) -> dict[str, Any]:
    return {
        "colorscale": SIGNED_SCALE,
        "zmin": -heat.reach,
        "zmax": heat.reach,
        "texttemplate": "%{z:.1f}",
    }


def _colours(heat: HeatMap) -> dict[str, Any]:
    return {
        "type": "heatmap",
        "x": list(heat.x),
        "y": list(heat.y),
        "z": [list(row) for row in heat.z],
        **(_both_ways(heat) if heat.signed else {"colorscale": SCALE}),
        "hovertemplate": "%{x}, %{y}: %{z:.4~g}<extra></extra>",
        "colorbar": {"thickness": 12, "outlinewidth": 0},
    }
