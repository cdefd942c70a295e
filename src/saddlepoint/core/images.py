"""uint8 <-> [-1, 1], grids and picture files. numpy and Pillow only."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from saddlepoint.core.damage import decoding
from saddlepoint.core.files import write_atomically
from saddlepoint.core.reading import MOST_BYTES, open_regular


def read_picture(path: Path) -> Image.Image:
    """A picture file of a run; of a film its first frame.

    Raises:
        InputError: it is absent, damaged, or not a regular file.
    """
    with open_regular(path, MOST_BYTES) as file, decoding(path, "it is left out"):
        picture = Image.open(file)
        picture.load()
        return picture


def to_uint8(images: np.ndarray) -> np.ndarray:
    """float [n, c, h, w] in [-1, 1] -> uint8 [n, h, w, c], rounded to the nearest, clipped."""
    # 127.5 and not 128, so that -1 and 1 are exactly 0 and 255, and to_unit is the inverse.
    scaled = np.rint((np.asarray(images, dtype=np.float32) + 1) * 127.5)
    return np.ascontiguousarray(np.clip(scaled, 0, 255).astype(np.uint8).transpose(0, 2, 3, 1))


def to_unit(images: np.ndarray) -> np.ndarray:
    """uint8 [n, h, w, c] -> float32 [n, c, h, w] in [-1, 1]; the inverse of `to_uint8`."""
    return np.ascontiguousarray(images.transpose(0, 3, 1, 2)).astype(np.float32) / 127.5 - 1


def as_picture(image: np.ndarray) -> Image.Image:
    """uint8 [h, w, c] with c = 1 or 3 -> a Pillow image."""
    # Pillow takes grey as [h, w].
    return Image.fromarray(image[:, :, 0] if image.shape[2] == 1 else image)


PADDING = 2
"""White pixels around each image of a grid."""
MOST_NAMED = 16
"""Classes that can have a column each, with its name below it."""


def sheet_shape(n: int, n_classes: int = 0) -> tuple[int, int]:
    """(rows, columns) of a sheet of n > 0 samples: full rows of a column for each class where
    classes are few, else about as many rows as columns.

    Args:
        n_classes: of samples that were asked for by class; 0 without.
    """
    if 0 < n_classes <= MOST_NAMED:
        return max(1, n // n_classes), n_classes
    columns = int(np.ceil(np.sqrt(n)))
    return -(-n // columns), columns


def grid(images: np.ndarray, columns: int | None = None, padding: int = PADDING) -> np.ndarray:
    """Lay out uint8 [n, h, w, c] in rows -> uint8 [H, W, c] on white.

    Args:
        columns: images in a row; by default the square root of n, rounded up.
        padding: white pixels around each image.
    """
    n, height, width, channels = images.shape
    columns = columns or sheet_shape(n)[1]
    rows = -(-n // columns)
    sheet = np.full(
        (rows * (height + padding) + padding, columns * (width + padding) + padding, channels),
        255,
        np.uint8,
    )
    for index, image in enumerate(images):
        top = padding + (index // columns) * (height + padding)
        left = padding + (index % columns) * (width + padding)
        sheet[top : top + height, left : left + width] = image
    return sheet


def enlarge(sheet: np.ndarray, shortest: int = 320) -> np.ndarray:
    """Repeat pixels by the smallest whole factor that makes the shorter side >= `shortest`."""
    # Whole factors of repeated pixels: smoothing would hide the artefacts one is looking for.
    factor = max(1, -(-shortest // max(1, min(sheet.shape[:2]))))
    return sheet.repeat(factor, axis=0).repeat(factor, axis=1)


_LEAST_CELL = 20
"""Pixels of a cell below which no name is written beside it."""


def name_columns(sheet: np.ndarray, names: Sequence[str]) -> np.ndarray:
    """A grid, uint8 [H, W, c], with a line below it that names its columns."""
    cell = sheet.shape[1] // len(names)
    if cell < _LEAST_CELL:
        return sheet
    # The largest size at which all names fit; a name that fits at none is cut off.
    fonts = [ImageFont.load_default(size) for size in range(14, 7, -1)]
    fitting = (f for f in fonts if max(map(f.getlength, names)) <= cell - 2)
    font = next(fitting, fonts[-1])
    line = Image.new("L", (sheet.shape[1], 20), 255)
    for index, name in enumerate(names):
        middle = ((index + 0.5) * sheet.shape[1] / len(names), 10)
        ImageDraw.Draw(line).text(middle, _cut(name, font, cell - 2), 0, font, anchor="mm")
    below = np.asarray(line)[:, :, None].repeat(sheet.shape[2], axis=2)
    return np.concatenate([sheet, below])


def name_rows(sheet: np.ndarray, names: Sequence[str], widest: int = 160) -> np.ndarray:
    """A grid, uint8 [H, W, c], with a column to its left that names its rows."""
    if sheet.shape[0] // len(names) < _LEAST_CELL:
        return sheet
    font = ImageFont.load_default(14)
    names = [_cut(name, font, widest) for name in names]
    width = round(max(map(font.getlength, names))) + 12
    column = Image.new("L", (width, sheet.shape[0]), 255)
    for index, name in enumerate(names):
        middle = (width - 6, (index + 0.5) * sheet.shape[0] / len(names))
        ImageDraw.Draw(column).text(middle, name, 0, font, anchor="rm")
    beside = np.asarray(column)[:, :, None].repeat(sheet.shape[2], axis=2)
    return np.concatenate([beside, sheet], axis=1)


def name_both(sheet: np.ndarray, rows: Sequence[str], *columns: Sequence[str]) -> np.ndarray:
    """A grid, uint8 [H, W, c], with `rows` to its left and lines of `columns` below it."""
    named = name_rows(sheet, rows, widest=240)
    room = ((0, 0), (named.shape[1] - sheet.shape[1], 0), (0, 0))
    for names in columns:
        line = name_columns(sheet, names)[len(sheet) :]
        named = np.concatenate([named, np.pad(line, room, constant_values=255)])
    return named


def _cut(name: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int) -> str:
    # Names come from files and folders: a line feed would spill into the picture.
    name = "".join(c if c.isprintable() else "?" for c in name[:100])
    if font.getlength(name) <= width:
        return name
    while name and font.getlength(f"{name}…") > width:
        name = name[:-1]
    return f"{name}…"


def png_bytes(image: np.ndarray) -> bytes:
    """uint8 [h, w, c] -> the bytes of a PNG file."""
    buffer = io.BytesIO()
    as_picture(image).save(buffer, format="PNG")
    return buffer.getvalue()


def write_png(path: Path, image: np.ndarray) -> None:
    """uint8 [h, w, c] -> a PNG file, whole or absent."""
    write_atomically(path, png_bytes(image))


def write_gif(path: Path, frames: Sequence[np.ndarray], milliseconds: int = 80) -> None:
    """A list of uint8 [h, w, c] of one size -> a looping GIF, whole or absent."""
    pictures = [as_picture(frame) for frame in frames]
    buffer = io.BytesIO()
    film = {"save_all": True, "append_images": pictures[1:], "loop": 0}
    pictures[0].save(buffer, "GIF", duration=milliseconds, **film)
    write_atomically(path, buffer.getvalue())


def scatter(points: np.ndarray, extent: float, size: int = 320) -> np.ndarray:
    """Draw points float [n, 2] in [-extent, extent]^2 as dots -> uint8 [size, size, 1]; points on
    a line, float [n, 1], lie across the middle."""
    points = np.asarray(points)
    if points.shape[1] == 1:
        points = np.pad(points, ((0, 0), (0, 1)))
    sheet = np.full((size, size, 1), 255, np.uint8)
    place = np.rint((points / extent + 1) / 2 * (size - 1)).astype(int)
    inside = place[((place >= 0) & (place < size)).all(axis=1)]
    # Rows count from the top, the second coordinate from the bottom.
    sheet[size - 1 - inside[:, 1], inside[:, 0]] = 0
    return sheet
