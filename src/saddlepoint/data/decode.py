"""One image file -> uint8 pixels of the wanted size, or the reason why not.

What is done to odd images, and named in the report:
- EXIF rotation is applied; colour profiles are not.
- Transparent images are put on white. Palette, CMYK and other colour spaces become RGB.
- 16-bit values are scaled to 8 bits (divided by 257 and rounded), never clipped.
- Only the first frame or page of a file is used.
- A JPEG is decoded at the smallest of 1, 1/2, 1/4, 1/8 of its size that keeps at least twice the
  wanted size (libjpeg does so in the frequency domain, which is much faster). Every image is then
  resized by Lanczos, after a box reduction to no less than three times the wanted size.
- Grey means the file's own mode (1, L, LA, 16-bit, float); an RGB file is colour, even if it looks
  grey.
"""

from __future__ import annotations

import io
import posixpath
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import NamedTuple

import numpy as np
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from saddlepoint.data.listing import Refused
from saddlepoint.data.manifest import MAX_SIZE

MAX_PIXELS = 89_478_485
"""An image with more pixels (by its header, before decoding) is taken for a bomb. Pillow's own
limit for a warning: 1 GiB of memory at 12 bytes a pixel."""
SUFFIXES = {
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".apng", ".gif", ".webp", ".bmp", ".dib"),
    *(".tif", ".tiff", ".ppm", ".pgm", ".pbm", ".pnm", ".avif", ".jp2", ".j2k"),
}
"""Endings (in any case) of files that are opened; files without an ending are opened too."""
_COMMON = ("JPEG", "PNG", "GIF", "BMP", "PPM")
_OTHERS = ("WEBP", "TIFF", "DIB", "AVIF", "JPEG2000")
_GREY_MODES = {"1", "L", "LA", "La", "I", "I;16", "I;16L", "I;16B", "I;16N", "F"}


class Recipe(NamedTuple):
    """How every image of a set is converted."""

    size: int | None
    """Height = width of the result in pixels; None keeps each image's own."""
    fit: str
    """crop: the centred square; pad: the whole image with black borders."""
    channels: str
    """auto (as the file is) | grey | rgb."""


class Decoded(NamedTuple):
    """A usable image."""

    pixels: bytes
    """uint8 of shape `shape`, row by row."""
    shape: tuple[int, int, int]
    """(h, w, c), c = 1 or 3."""
    source_size: tuple[int, int]
    """(width, height) in the file."""
    notes: tuple[str, ...]
    """What was done to it beyond resizing."""


@contextmanager
def quiet_pillow() -> Iterator[None]:
    """No warnings about odd files, which the report names; the warning of a bomb is an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        yield


def by_name(name: str) -> str | None:
    """Why a file is refused by its name alone, or None."""
    suffix = posixpath.splitext(name)[1].lower()
    return None if suffix in SUFFIXES or not suffix else f"not an image ({suffix} file)"


def decode(content: bytes, recipe: Recipe) -> Decoded:
    """Decode, turn upright, flatten, fit and resize one file; call inside `quiet_pillow`.

    Raises:
        Refused: empty, not an image, truncated, damaged or too large.
    """
    if not content:
        raise Refused("empty file")
    try:
        with _open(content) as image:
            return _decode(image, recipe)
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        raise Refused(f"too large: more than {MAX_PIXELS:,} pixels") from None
    except UnidentifiedImageError:
        raise Refused("not readable as an image") from None
    except MemoryError:
        raise Refused("too large for the memory") from None
    except Refused:
        raise
    except Exception as error:  # a decoder can raise anything on hostile bytes
        raise Refused(_reason(error)) from None


def _open(content: bytes) -> Image.Image:
    # Pillow asks each known format in turn; the common ones first, as a set has thousands of files.
    try:
        return Image.open(io.BytesIO(content), formats=_COMMON)
    except UnidentifiedImageError:
        Image.init()
        others = [name for name in _OTHERS if name in Image.OPEN]
        return Image.open(io.BytesIO(content), formats=others)


def _decode(image: Image.Image, recipe: Recipe) -> Decoded:
    width, height = source_size = image.size
    if width * height > MAX_PIXELS:
        raise Refused(f"too large: {width}x{height} is more than {MAX_PIXELS:,} pixels")
    if recipe.size is None and max(source_size) > MAX_SIZE:
        # The whole set is refused for it, so nobody will read its pixels.
        return Decoded(b"", (height, width, 3), source_size, ())
    notes: list[str] = []
    if image.format == "JPEG" and recipe.size and min(width, height) >= 4 * recipe.size:
        image.draft(None, (2 * recipe.size, 2 * recipe.size))
    if image.format in ("GIF", "WEBP", "PNG", "TIFF") and getattr(image, "is_animated", False):
        notes.append("first frame of several")
        image.seek(0)
    image.load()
    image = _upright(image, notes)
    image = _flatten(image, recipe.channels, notes)
    image = _fit(image, source_size, recipe, notes)
    shape = (image.height, image.width, len(image.getbands()))
    return Decoded(image.tobytes(), shape, source_size, tuple(notes))


def _upright(image: Image.Image, notes: list[str]) -> Image.Image:
    # getexif() parses for a while; a JPEG says in its header whether there is anything to parse.
    if image.format == "JPEG" and "exif" not in image.info:
        return image
    with suppress(Exception):  # damaged EXIF data do not make the image useless
        if image.getexif().get(ExifTags.Base.Orientation) in range(2, 9):
            image = ImageOps.exif_transpose(image)
            notes.append("turned upright (EXIF)")
    return image


def _flatten(image: Image.Image, channels: str, notes: list[str]) -> Image.Image:
    """-> the image in mode L or RGB."""
    # Nearly every image: the checks below would take longer than its conversion.
    if image.mode in ("L", "RGB") and channels == "auto" and "transparency" not in image.info:
        return image
    target = {"grey": "L", "rgb": "RGB"}.get(channels)
    target = target or ("L" if image.mode in _GREY_MODES else "RGB")
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        image = _to_8_bits(image, notes)
    if image.mode == "P":
        notes.append("palette")
    elif image.mode not in ("1", "L", "LA", "La", "RGB", "RGBA", "RGBa", "RGBX"):
        notes.append(image.mode)
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        opaque = (255, 255)  # some formats always have an alpha channel
        if layer.getchannel("A").getextrema() != opaque:
            notes.append("transparent parts made white")
        white = Image.new("RGBA", layer.size, (255, 255, 255, 255))
        image = Image.alpha_composite(white, layer).convert("RGB")
    elif image.mode not in ("L", "RGB") and image.mode != target:
        image = image.convert("RGB" if image.mode != "1" else "L")
    if image.mode == "RGB" and target == "L" and channels == "grey":
        notes.append("colour made grey")
    return image if image.mode == target else image.convert(target)


def _to_8_bits(image: Image.Image, notes: list[str]) -> Image.Image:
    """16-bit, 32-bit or float grey -> mode L, scaled by the range of the type."""
    values = np.asarray(image).astype(np.float64)
    low, high = float(values.min()), float(values.max())
    if not (np.isfinite(low) and np.isfinite(high)) or low < 0:
        raise Refused("values below 0 or not finite, so their range is unknown")
    if image.mode != "F":
        if high > 65535:
            raise Refused(f"32-bit values up to {high:.0f}, so their range is unknown")
        scale, note = 1 / 257, "16-bit scaled to 8"
    elif high <= 1:
        scale, note = 255.0, "float 0..1 scaled to 0..255"
    elif high <= 255:
        scale, note = 1.0, "float rounded"
    else:
        raise Refused(f"float values up to {high:g}, so their range is unknown")
    notes.append(note)
    return Image.fromarray(np.rint(values * scale).astype(np.uint8))


def _fit(
    image: Image.Image, source_size: tuple[int, int], recipe: Recipe, notes: list[str]
) -> Image.Image:
    """Crop or pad to a square of `recipe.size`; notes what was enlarged, as that adds no detail."""
    size = recipe.size
    if size is None:
        return image
    width, height = image.size
    crop = recipe.fit == "crop"
    if source_size[0] != source_size[1]:
        notes.append(f"not square, {'cropped' if crop else 'padded'}")
    if (min if crop else max)(source_size) < size:
        notes.append("enlarged")
    if crop or width == height:
        side = min(width, height)
        left, top = (width - side) // 2, (height - side) // 2
        return _resize(image, (size, size), (left, top, left + side, top + side))
    longest = max(width, height)
    wide, high = (max(1, round(length * size / longest)) for length in (width, height))
    sheet = Image.new(image.mode, (size, size))
    small = _resize(image, (wide, high), (0, 0, width, height))
    sheet.paste(small, ((size - wide) // 2, (size - high) // 2))
    return sheet


def _resize(
    image: Image.Image, size: tuple[int, int], box: tuple[int, int, int, int]
) -> Image.Image:
    if (box[2] - box[0], box[3] - box[1]) == size:
        return image.crop(box)
    return image.resize(size, Image.Resampling.LANCZOS, box=box, reducing_gap=3.0)


def _reason(error: Exception) -> str:
    """A short reason that is the same in every run: without addresses and byte counts."""
    text = re.sub(r"<[^>]*>|\([^)]*\)|0x[0-9a-f]+", "", str(error)).strip()
    text = " ".join(text.split())[:100]
    if "truncated" in text.lower() or isinstance(error, EOFError):
        return "truncated"
    return f"damaged ({text or type(error).__name__})"
