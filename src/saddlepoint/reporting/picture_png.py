"""Pictures as PNG, drawn with Pillow alone: for a document, and for a page without plotly."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from saddlepoint.core.images import write_png
from saddlepoint.core.texts import Language, said
from saddlepoint.reporting.pictures import COLOURS, SCALE, Chart, Curve, HeatMap, Photo, Picture
from saddlepoint.reporting.ticks import log_ticks, ticks, written

WIDTH, HEIGHT = 640, 420
FINE = 2
"""Drawn so many times larger and then reduced: Pillow draws lines without smooth edges."""
INK, SOFT, GRID = "#1b2027", "#5a6470", "#dde1e6"
LEFT, RIGHT, TOP, BOTTOM = 74, 18, 62, 56
"""Room around the axes."""
REST_DASHES = (2.0, 5.0)
"""Of the first and the second line at rest: points, and dashes."""
FONTS = ("DejaVuSans.ttf", "LiberationSans-Regular.ttf", "Arial.ttf", "Arial Unicode.ttf")


class Axis(NamedTuple):
    """From values to pixels."""

    low: float
    high: float
    first: float
    """Pixel of `low`."""
    last: float
    log: bool = False

    def at(self, value: float) -> float:
        low, high = (math.log10(v) if self.log else v for v in (self.low, self.high))
        value = math.log10(max(value, 1e-300)) if self.log else value
        return self.first + (value - low) / (high - low or 1) * (self.last - self.first)


def write_sheet(pictures: Sequence[Picture], folder: Path, language: Language, out: Path) -> Path:
    """All pictures of a claim as one PNG, two in a row.

    Args:
        folder: where the files of `Photo` lie.
    """
    tiles = [_drawn(picture, folder, language) for picture in pictures]
    columns = min(2, len(tiles))
    rows = -(-len(tiles) // columns)
    sheet = Image.new("RGB", (columns * WIDTH, rows * HEIGHT), "white")
    for index, tile in enumerate(tiles):
        sheet.paste(tile, (index % columns * WIDTH, index // columns * HEIGHT))
    write_png(out, np.asarray(sheet))
    return out


def _drawn(picture: Picture, folder: Path, language: Language) -> Image.Image:
    sheet = Image.new("RGB", (WIDTH * FINE, HEIGHT * FINE), "white")
    pen = Pen(sheet)
    pen.text((LEFT, 10), picture.title.to(language), 15, anchor="lt")
    if isinstance(picture, Photo):
        with Image.open(folder / picture.file) as file:
            photo = file.convert("RGB")
        room = ((WIDTH - 40) * FINE, (HEIGHT - 60) * FINE)
        factor = min(a / b for a, b in zip(room, photo.size, strict=True))
        size = (max(1, int(photo.width * factor)), max(1, int(photo.height * factor)))
        photo = photo.resize(size, Image.Resampling.NEAREST if factor > 1 else Image.Resampling.BOX)
        sheet.paste(photo, ((WIDTH * FINE - size[0]) // 2, 44 * FINE))
    elif isinstance(picture, HeatMap):
        _heat(pen, picture, language)
    else:
        _chart(pen, picture, language)
    return sheet.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS)


class Pen:
    """Draws in the page's units on a sheet that is FINE times larger."""

    def __init__(self, sheet: Image.Image) -> None:
        self.sheet, self.draw = sheet, ImageDraw.Draw(sheet)

    def line(self, points: Sequence[tuple[float, float]], colour: str, width: float = 2) -> None:
        fine = [(x * FINE, y * FINE) for x, y in points]
        self.draw.line(fine, fill=colour, width=round(width * FINE), joint="curve")

    def dashes(
        self, points: Sequence[tuple[float, float]], colour: str, on: float = 7, width: float = 2
    ) -> None:
        """A line of dashes as long as the gaps, going on around corners."""
        travelled = 0.0
        for (x0, y0), (x1, y1) in pairwise(points):
            length = math.hypot(x1 - x0, y1 - y0)
            done = 0.0
            while done < length:
                step = min(on - travelled % on, length - done)
                if travelled // on % 2 == 0:
                    a, b = done / length, (done + step) / length
                    ends = [(x0 + t * (x1 - x0), y0 + t * (y1 - y0)) for t in (a, b)]
                    self.line(ends, colour, width)
                done, travelled = done + step + 1e-9, travelled + step + 1e-9

    def box(self, x0: float, y0: float, x1: float, y1: float, colour: str) -> None:
        (left, right), (top, bottom) = sorted((x0, x1)), sorted((y0, y1))
        self.draw.rectangle([v * FINE for v in (left, top, right, bottom)], fill=colour)

    def dot(self, x: float, y: float, radius: float, colour: str) -> None:
        fine = [v * FINE for v in (x - radius, y - radius, x + radius, y + radius)]
        self.draw.ellipse(fine, fill=colour)

    def text(
        self,
        at: tuple[float, float],
        text: str,
        size: int = 12,
        colour: str = INK,
        anchor: str = "mm",
    ) -> None:
        place = (at[0] * FINE, at[1] * FINE)
        font = _font(size * FINE)
        self.draw.text(place, _writable(text), fill=colour, font=font, anchor=anchor)

    def width(self, text: str, size: int = 12) -> float:
        return self.draw.textlength(_writable(text), font=_font(size * FINE)) / FINE

    def upright(self, at: tuple[float, float], text: str) -> None:
        """A text that runs upwards, centred."""
        tile = Image.new("L", (round(self.width(text) * FINE) + 8, 20 * FINE), 0)
        middle = (tile.width // 2, tile.height // 2)
        ImageDraw.Draw(tile).text(middle, _writable(text), 255, _font(12 * FINE), "mm")
        tile = tile.rotate(90, expand=True)
        corner = (round(at[0] * FINE - tile.width / 2), round(at[1] * FINE - tile.height / 2))
        self.sheet.paste(SOFT, corner, tile)


@cache
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    for name in FONTS:
        try:
            return ImageFont.truetype(name, size)
        except OSError:
            continue
    return ImageFont.load_default(size)


def _writable(text: str) -> str:
    """The text as the font can write it: Pillow's own has neither Vietnamese nor mathematics."""
    font = _font(12)
    if isinstance(font, ImageFont.FreeTypeFont) and font.getname()[0] != "Aileron":
        return text
    text = text.translate(str.maketrans({"−": "-", "đ": "d", "Đ": "D", "×": "x", "·": "-"}))
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()


def _chart(pen: Pen, chart: Chart, language: Language) -> None:
    names = chart.categories
    heights = [
        v
        for c in chart.curves
        for v in (*c.y, *c.low, *c.high)
        if v is not None and _fits(v, chart)
    ] + [height for height, _ in chart.rests]
    bars = any(curve.mark == "bars" for curve in chart.curves)
    low, high = _range([*heights, 0.0] if bars and not chart.log_y else heights, chart.log_y)
    y_axis = Axis(low, high, HEIGHT - BOTTOM, TOP, chart.log_y)
    if names:
        x_axis = Axis(-0.5, len(names) - 0.5, LEFT, WIDTH - RIGHT)
    else:
        x = [float(v) for c in chart.curves for v in c.x]  # type: ignore[arg-type]  # no names here
        x_axis = Axis(*_range(x, chart.log_x, 0.0), LEFT, WIDTH - RIGHT, chart.log_x)
    if chart.square:
        x_axis, y_axis = _equal(x_axis, y_axis)
    _frame(pen, x_axis, y_axis, [said(name, language) for name in names])
    _titles(pen, chart, language)
    for index, (height, _) in enumerate(chart.rests):
        ends = [(LEFT, y_axis.at(height)), (WIDTH - RIGHT, y_axis.at(height))]
        pen.dashes(ends, INK, REST_DASHES[index % 2], 1.5)
    n_bars = sum(curve.mark == "bars" for curve in chart.curves)
    bar = 0
    for number, curve in enumerate(chart.curves):
        colour = COLOURS[(number if curve.colour is None else curve.colour) % len(COLOURS)]
        places = [x_axis.at(names.index(x) if names else float(x)) for x in curve.x]  # type: ignore[arg-type]
        if curve.mark == "bars":
            width = 0.8 / n_bars * abs(x_axis.at(1) - x_axis.at(0))
            shift = (bar - (n_bars - 1) / 2) * width
            places = [place + shift for place in places]
            bar += 1
            for place, value in zip(places, curve.y, strict=True):
                if value is not None:
                    base = y_axis.at(low if chart.log_y else 0)
                    pen.box(
                        place - width * 0.46, base, place + width * 0.46, y_axis.at(value), colour
                    )
        _curve(pen, curve, places, y_axis, colour)
    _legend(pen, chart, language)


def _curve(pen: Pen, curve: Curve, places: list[float], y_axis: Axis, colour: str) -> None:
    known = [(x, y_axis.at(y)) for x, y in zip(places, curve.y, strict=True) if y is not None]
    if len(curve.low) and len(places) > 30:
        ends = zip(places, curve.low, curve.high, strict=True)
        for (x0, low0, high0), (x1, low1, high1) in pairwise(ends):
            corners = [(x0, low0), (x1, low1), (x1, high1), (x0, high0)]
            if all(value is not None for _, value in corners):
                shape = [(x * FINE, y_axis.at(v or 0.0) * FINE) for x, v in corners]
                pen.draw.polygon(shape, fill=_pale(colour))
    elif len(curve.low):
        for x, low, high in zip(places, curve.low, curve.high, strict=True):
            if low is not None and high is not None:
                ink = INK if curve.mark == "bars" else colour
                pen.line([(x, y_axis.at(low)), (x, y_axis.at(high))], ink, 1.5)
    if curve.mark == "points" or (curve.mark == "line" and len(places) <= 30):
        for x, y in known:
            pen.dot(x, y, 1.5 if len(known) > 100 else 3.5, colour)
    if curve.mark == "line" and len(known) > 1:
        (pen.dashes if curve.dash else pen.line)(known, colour)


def _heat(pen: Pen, heat: HeatMap, language: Language) -> None:
    z = np.asarray(heat.z, dtype=float)
    low, high = float(np.nanmin(z)), float(np.nanmax(z))
    shares = np.nan_to_num((z - low) / (high - low or 1))
    stops = [stop for stop, _ in SCALE]
    ends = np.array([[int(c[i : i + 2], 16) for i in (1, 3, 5)] for _, c in SCALE])
    pixels = np.stack([np.interp(shares, stops, ends[:, i]) for i in range(3)], 2).astype(np.uint8)
    named = [isinstance(values[0], str) for values in (heat.x, heat.y)]
    right = WIDTH - RIGHT - 60
    if not named[1]:
        pixels = pixels[::-1]
    size = ((right - LEFT) * FINE, (HEIGHT - BOTTOM - TOP) * FINE)
    pen.sheet.paste(
        Image.fromarray(pixels).resize(size, Image.Resampling.NEAREST), (LEFT * FINE, TOP * FINE)
    )
    _ruler(pen, heat.x, LEFT, right, across=True)
    _ruler(
        pen, heat.y, *((TOP, HEIGHT - BOTTOM) if named[1] else (HEIGHT - BOTTOM, TOP)), across=False
    )
    for i in range(100):
        y = TOP + (99 - i) * (HEIGHT - BOTTOM - TOP) / 100
        colour = [int(np.interp(i / 99, stops, ends[:, c])) for c in range(3)]
        pen.box(right + 14, y, right + 26, y + 3, "#{:02x}{:02x}{:02x}".format(*colour))
    for value, y in ((high, TOP), (low, HEIGHT - BOTTOM)):
        pen.text((right + 32, y), written(value), 11, SOFT, "lm")
    _titles(pen, heat, language)


def _ruler(
    pen: Pen, values: Sequence[float] | Sequence[str], first: float, last: float, *, across: bool
) -> None:
    """Labels beside the cells of a heat map, as many as there is room for."""
    cell = (last - first) / len(values)
    every = max(1, math.ceil(len(values) / (10 if across else 14)))
    for index in range(0, len(values), every):
        at = first + (index + 0.5) * cell
        value = values[index]
        text = value if isinstance(value, str) else written(value)
        if across:
            pen.text((at, HEIGHT - BOTTOM + 12), text, 11, SOFT)
        else:
            pen.text((LEFT - 8, at), text, 11, SOFT, "rm")


def _frame(pen: Pen, x_axis: Axis, y_axis: Axis, names: list[str]) -> None:
    for value in (
        log_ticks(y_axis.low, y_axis.high) if y_axis.log else ticks(y_axis.low, y_axis.high)
    ):
        y = y_axis.at(value)
        pen.line([(LEFT, y), (WIDTH - RIGHT, y)], GRID, 1)
        pen.text((LEFT - 8, y), written(value), 11, SOFT, "rm")
    if names:
        room = (WIDTH - LEFT - RIGHT) / len(names)
        for index, name in enumerate(names):
            # Names that are too long for their place stand on two levels in turn.
            crowded = pen.width(name, 11) > room - 4
            y = HEIGHT - BOTTOM + 12 + (14 if crowded and index % 2 else 0)
            pen.text((x_axis.at(index), y), name, 11, SOFT)
    else:
        for value in (
            log_ticks(x_axis.low, x_axis.high) if x_axis.log else ticks(x_axis.low, x_axis.high)
        ):
            pen.text((x_axis.at(value), HEIGHT - BOTTOM + 12), written(value), 11, SOFT)
    pen.line([(LEFT, HEIGHT - BOTTOM), (WIDTH - RIGHT, HEIGHT - BOTTOM)], SOFT, 1)


def _titles(pen: Pen, picture: Chart | HeatMap, language: Language) -> None:
    pen.text(((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 14), picture.x_label.to(language), 12, SOFT)
    pen.upright((14, (TOP + HEIGHT - BOTTOM) / 2), picture.y_label.to(language))


def _legend(pen: Pen, chart: Chart, language: Language) -> None:
    entries = [
        (
            said(c.name, language),
            COLOURS[(n if c.colour is None else c.colour) % len(COLOURS)],
            4.0 if c.dash else 0.0,
        )
        for n, c in enumerate(chart.curves)
    ] + [(said(name, language), INK, REST_DASHES[i % 2]) for i, (_, name) in enumerate(chart.rests)]
    if len(entries) < 2:
        return
    # Smaller where a row would not hold them.
    size = 12 if sum(pen.width(name) + 34 for name, _, _ in entries) < WIDTH - LEFT else 10
    x, y = float(LEFT), 36.0
    for name, colour, dash in entries:
        if x + pen.width(name, size) + 24 > WIDTH:
            x, y = float(LEFT), y + 14
        ends = [(x, y), (x + 16, y)]
        if dash:
            pen.dashes(ends, colour, dash)
        else:
            pen.line(ends, colour, 3)
        pen.text((x + 20, y), name, size, SOFT, "lm")
        x += pen.width(name, size) + 34


def _fits(value: float, chart: Chart) -> bool:
    return math.isfinite(value) and (value > 0 or not chart.log_y)


def _range(values: Sequence[float], log: bool, margin: float = 0.05) -> tuple[float, float]:
    low, high = min(values, default=0.0), max(values, default=1.0)
    if log:
        return low / 10 ** (margin * 2), high * 10 ** (margin * 2)
    room = margin * (high - low)
    # Bars and shares stand on 0, with no strip of nothing below them.
    return low - (0 if low == 0 else room), (high + room) if high > low else low + 1


def _equal(x_axis: Axis, y_axis: Axis) -> tuple[Axis, Axis]:
    """Both axes with as many units a pixel as the coarser one."""
    units = max((axis.high - axis.low) / abs(axis.last - axis.first) for axis in (x_axis, y_axis))
    grown = []
    for axis in (x_axis, y_axis):
        half = units * abs(axis.last - axis.first) / 2
        middle = (axis.low + axis.high) / 2
        grown.append(axis._replace(low=middle - half, high=middle + half))
    return grown[0], grown[1]


def _pale(colour: str) -> str:
    parts = [255 - (255 - int(colour[i : i + 2], 16)) // 5 for i in (1, 3, 5)]
    return "#{:02x}{:02x}{:02x}".format(*parts)
