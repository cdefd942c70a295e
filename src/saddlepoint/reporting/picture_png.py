"""Pictures as PNG, for documents and for a page without plotly; drawn with matplotlib."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from saddlepoint.core.errors import InputError
from saddlepoint.core.files import cache_folder, whole_file
from saddlepoint.core.texts import Language, said
from saddlepoint.reporting.palette import INK
from saddlepoint.reporting.pictures import (
    COLOURS,
    SCALE,
    SIGNED_SCALE,
    Chart,
    Curve,
    HeatMap,
    Photo,
    Picture,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH, HEIGHT = 640, 440
"""Pixels of one picture."""
DPI = 100
MOST_DOTS = 30
"""A curve of more points than these is a line alone, with a band for its intervals."""


def _spare_this_folder() -> None:
    """With a relative path in XDG_CACHE_HOME, which as the standard has it does not count,
    matplotlib would make a folder where the user is."""
    if not Path(os.environ.get("XDG_CACHE_HOME") or "/").is_absolute():
        os.environ.setdefault("MPLCONFIGDIR", str(cache_folder() / "matplotlib"))


def write_sheet(pictures: Sequence[Picture], folder: Path, language: Language, out: Path) -> Path:
    """All pictures of a claim as one PNG, two in a row.

    Args:
        folder: where the files of `Photo` lie.

    Raises:
        InputError: matplotlib is not installed.
    """
    _spare_this_folder()
    try:
        # Figure and not pyplot, which would choose a window system.
        from matplotlib.figure import Figure
    except ImportError as error:
        raise InputError(
            f"{out.name} needs matplotlib; install it with `pip install 'saddlepoint[report]'`."
        ) from error
    columns = min(2, len(pictures))
    rows = -(-len(pictures) // columns)
    size = (columns * WIDTH / DPI, rows * HEIGHT / DPI)
    sheet = Figure(figsize=size, dpi=DPI, layout="constrained")
    places = [*sheet.subplots(rows, columns, squeeze=False).flat]
    for picture, place in zip(pictures, places, strict=False):
        place.set_title(picture.title.to(language), fontsize=11, loc="left", pad=8)
        if isinstance(picture, Photo):
            _photo(place, folder / picture.file)
        elif isinstance(picture, HeatMap):
            _heat(place, picture, language)
        else:
            _chart(place, picture, language)
    for place in places[len(pictures) :]:
        place.set_axis_off()
    with whole_file(out) as file:
        # No date and no version in the file: the same numbers give the same bytes.
        sheet.savefig(file, format="png", metadata={"Software": None})
    return out


def _photo(place: Axes, file: Path) -> None:
    with Image.open(file) as picture:
        picture.seek(getattr(picture, "n_frames", 1) - 1)  # a film is shown by its end
        pixels = np.asarray(picture.convert("RGB"))
    enlarged = pixels.shape[1] < WIDTH
    place.imshow(pixels, interpolation="nearest" if enlarged else "antialiased")
    place.set_axis_off()


def _heat(place: Axes, heat: HeatMap, language: Language) -> None:
    from matplotlib.colors import LinearSegmentedColormap

    scale = SIGNED_SCALE if heat.signed else SCALE
    colours = LinearSegmentedColormap.from_list("heat", [(stop, colour) for stop, colour in scale])
    # Names run downwards as in a table, numbers upwards as on an axis.
    origin = "upper" if isinstance(heat.y[0], str) else "lower"
    z = np.asarray(heat.z, dtype=float)
    drawn = place.imshow(z, colours, aspect="auto", interpolation="nearest", origin=origin)
    if heat.signed:
        drawn.set_clim(-heat.reach, heat.reach)
        for (row, column), number in np.ndenumerate(z):
            place.text(column, row, f"{number:.1f}", ha="center", va="center", fontsize=8)
    _across(place, *_ticks(heat.x))
    place.set_yticks(*_ticks(heat.y), fontsize=8)
    assert place.figure is not None
    place.figure.colorbar(drawn, ax=place)
    _labels(place, heat, language)


def _chart(place: Axes, chart: Chart, language: Language) -> None:
    names = chart.categories
    bars = [curve for curve in chart.curves if curve.mark == "bars"]
    for number, curve in enumerate(chart.curves):
        colour = COLOURS[(number if curve.colour is None else curve.colour) % len(COLOURS)]
        x = np.array([names.index(v) if names else v for v in curve.x], dtype=float)  # type: ignore[arg-type]
        width = 0.8 / max(1, len(bars))
        if curve in bars:
            x += (bars.index(curve) - (len(bars) - 1) / 2) * width
        _curve(place, curve, x, width, colour, said(curve.name, language))
        for across, up, text in zip(x, curve.y, curve.texts, strict=False):
            above = {"textcoords": "offset points", "xytext": (0, 5), "ha": "center"}
            place.annotate(said(text, language), (across, up), fontsize=8, **above)
    for (height, name), dots in zip(chart.rests, (":", "--") * len(chart.rests), strict=False):
        place.axhline(height, color=INK, linestyle=dots, linewidth=1.3, label=said(name, language))
    if chart.log_x:
        place.set_xscale("log")
    if chart.log_y:
        place.set_yscale("log")
    if chart.square:
        place.set_aspect("equal", adjustable="datalim")
    if names:
        texts = [said(name, language) for name in names]
        _across(place, range(len(texts)), texts)
    place.grid(axis="y", color="#dde1e6", linewidth=0.8)
    place.set_axisbelow(True)
    place.spines[["top", "right", "left"]].set_visible(False)
    if len(chart.curves) + len(chart.rests) > 1:
        place.legend(fontsize=8, frameon=False)
    _labels(place, chart, language)


def _ticks(values: Sequence[float] | Sequence[str]) -> tuple[Sequence[int], list[str]]:
    """Places and texts of at most ten of the values."""
    places = range(0, len(values), -(-len(values) // 10))
    return places, [v if isinstance(v := values[i], str) else f"{v:.4g}" for i in places]


def _across(place: Axes, places: Sequence[int], texts: Sequence[str]) -> None:
    """Ticks along the x axis; many long names slope, so that they do not run into each other."""
    slope = 20 if sum(map(len, texts)) > 70 else 0
    ends = "right" if slope else "center"
    place.set_xticks(places, texts, rotation=slope, ha=ends, fontsize=8)


def _curve(place: Axes, curve: Curve, x: np.ndarray, width: float, colour: str, name: str) -> None:
    # None becomes NaN, where matplotlib leaves a gap.
    y, low, high = (np.array(v, dtype=float) for v in (curve.y, curve.low, curve.high))
    if curve.mark == "bars":
        place.bar(x, y, width * 0.92, color=colour, label=name)
    else:
        dots = "o" if curve.mark == "points" or len(x) <= MOST_DOTS else ""
        line = "none" if curve.mark == "points" else "--" if curve.dash else "-"
        size = 2 if len(x) > 100 else 5
        place.plot(x, y, color=colour, marker=dots, markersize=size, linestyle=line, label=name)
    if len(low) and len(x) > MOST_DOTS:
        place.fill_between(x, low, high, color=colour, alpha=0.2, linewidth=0)
    elif len(low):
        ink = INK if curve.mark == "bars" else colour
        place.errorbar(x, y, [y - low, high - y], fmt="none", ecolor=ink, elinewidth=1.3)


def _labels(place: Axes, picture: Chart | HeatMap, language: Language) -> None:
    place.set_xlabel(picture.x_label.to(language), fontsize=9)
    place.set_ylabel(picture.y_label.to(language), fontsize=9)
    place.tick_params(labelsize=8, color=INK)
