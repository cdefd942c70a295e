"""What all figures of all pages look like: axes, healthy ranges, lines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from saddlepoint.core.findings import Range
from saddlepoint.reporting.palette import GREEN, INK, RULE

FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif'
_GREEN = {"fillcolor": GREEN, "opacity": 0.13, "layer": "below"}
_EDGE = {"color": GREEN}
FAR = 3
"""The upper end of a healthy range is shown up to this many times the height of the curves."""


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


def band(healthy: Range, heights: Sequence[float], log: bool = False) -> dict[str, Any]:
    """A healthy range across a figure; without an end, or with one far off, it goes somewhat
    beyond the curves.

    Args:
        heights: of all points of all curves.
        log: whether the axis is logarithmic.
    """
    low, high = healthy
    inside = low is None or low < max(heights)
    if high is not None and inside and high > FAR * max(map(abs, heights)):
        high = None  # to show it would press the curves flat
    bounds = [*heights, *(bound for bound in (low, high) if bound is not None)]
    margin = 0.1 * (max(bounds) - min(bounds)) or 0.1
    bottom = min(bounds) * 0.8 if log else min(bounds) - margin
    low, high = bottom if low is None else low, max(bounds) + margin if high is None else high
    place = {"x0": 0, "x1": 1, "xref": "x domain", "y0": low, "y1": high, "yref": "y"}
    # A range of one value is a line.
    return {"type": "rect", **place, **_GREEN, "line": {"width": 1.5 * (low == high), **_EDGE}}


def band_between(
    one: dict[str, Any], other: dict[str, Any], widest: float, heights: Sequence[float]
) -> dict[str, Any]:
    """The band around the middle of two curves that both leave where they are too far apart."""
    margin = 0.1 * (max(heights) - min(heights)) or 0.1
    bottom, top = min(heights) - margin, max(heights) + margin
    every = max(1, len(one["x"]) // 200)
    middle = [(x, (a + b) / 2) for x, a, b in zip(one["x"], one["y"], other["y"], strict=True)]
    middle = [*middle[::every], middle[-1]]
    upper = [(x, min(max(y + widest / 2, bottom), top)) for x, y in middle]
    lower = [(x, max(min(y - widest / 2, top), bottom)) for x, y in reversed(middle)]
    path = " L ".join(f"{x:.6g},{y:.6g}" for x, y in (*upper, *lower))
    return {"type": "path", "path": f"M {path} Z", **_GREEN, "line": {"width": 0}}


def horizontal_line(y: float, colour: str) -> dict[str, object]:
    """Dotted, across a figure."""
    ends = {"x0": 0, "x1": 1, "xref": "x domain", "y0": y, "y1": y, "yref": "y"}
    line = {"color": colour, "width": 1.5, "dash": "dot"}
    return {"type": "line", **ends, "line": line, "opacity": 0.7}
