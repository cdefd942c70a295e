"""A grid of samples as a picture in a terminal: half blocks, two pixels a character."""

from __future__ import annotations

from pathlib import Path

from PIL import Image
from rich.color import Color
from rich.segment import Segment, Segments
from rich.style import Style

from saddlepoint.core.images import PADDING, read_picture

_TILE = 14
"""Pixels of a shown image, about: clothes and digits are still recognised, and five fit a line."""


def preview(sheet_file: Path, size: int | None, columns: int, lines: int) -> Segments | None:
    """The top left of a sample grid, in whole images; None where there is no room for one.

    Args:
        size: height and width of each image in the grid; None for a plot, which is shown whole.
        columns: room in characters.
        lines: room in lines.
    """
    sheet = read_picture(sheet_file).convert("RGB")
    # Characters are about twice as high as wide, so two pixels fit into one of them.
    if size is None:
        side = min(columns, 2 * lines)
        return _half_blocks(sheet.resize((side, side // 2 * 2), Image.Resampling.BOX))
    tile = size + PADDING
    # The file has each pixel enlarged by a whole factor, which its width gives away.
    factor = next(
        f
        for f in range(1, sheet.width + 1)
        if sheet.width % f == 0 and (sheet.width // f - PADDING) % tile == 0
    )
    shrink = max(1, round(size / _TILE))
    across = min(sheet.width // factor, columns * shrink) // tile
    down = min(sheet.height // factor, 2 * lines * shrink) // tile
    if not (across and down):
        return None
    box = (0, 0, across * tile * factor, down * tile * factor)
    shown = (across * tile // shrink, down * tile // shrink // 2 * 2)
    return _half_blocks(sheet.resize(shown, Image.Resampling.BOX, box))


def _half_blocks(picture: Image.Image) -> Segments:
    """RGB of even height -> one character for two pixels, one above the other."""
    segments = []
    for y in range(0, picture.height, 2):
        for x in range(picture.width):
            upper, lower = (picture.getpixel((x, row)) for row in (y, y + 1))
            style = Style.from_color(Color.from_rgb(*upper), Color.from_rgb(*lower))  # type: ignore[misc]  # three numbers: the picture is RGB
            segments.append(Segment("▀", style))
        segments.append(Segment.line())
    return Segments(segments)
