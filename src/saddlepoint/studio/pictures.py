"""Pictures of run folders as the browser gets them."""

from __future__ import annotations

import hashlib
import io
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image
from starlette.requests import Request
from starlette.responses import Response

from saddlepoint.core.images import PADDING, read_picture, sheet_shape

_SIDE = 160
"""Pixels of a thumbnail."""


_SHOWN = 4
"""Samples in a row of a thumbnail, at most: more could not be told apart."""


class Sheet(NamedTuple):
    """How the samples of a run are laid out."""

    rows: int
    columns: int
    side: int
    """Pixels of a sample."""


def sheet_of(document: dict[str, Any]) -> Sheet | None:
    """Of a run's `documents.ConfigFile`; None for points, which are one picture."""
    config, spec = document.get("config", {}), document.get("data", {}).get("spec", {})
    if len(spec.get("shape", ())) != 3:
        return None
    arch = config.get("arch")
    by_class = isinstance(arch, dict) and arch.get("conditioning", "none") != "none"
    n = max(1, config.get("train", {}).get("n_samples", 1))
    rows, columns = sheet_shape(n, spec.get("n_classes", 0) if by_class else 0)
    return Sheet(rows, columns, spec["shape"][-1])


@lru_cache(maxsize=1024)
def thumbnail(file: Path, changed: int, sheet: Sheet | None) -> bytes:
    """The upper left samples of a grid, each of them whole, as a PNG of at most `_SIDE` pixels.

    Args:
        changed: when the file was, so that a new one is read again.
        sheet: of the grid; without one, all of it is shown.

    Raises:
        InputError: no picture.
    """
    picture = read_picture(file)
    picture = picture.convert("L" if picture.mode in ("1", "L") else "RGB")
    if sheet is not None:
        factor = picture.width / _pixels(sheet.columns, sheet)
        side = round(factor * _pixels(min(_SHOWN, sheet.rows, sheet.columns), sheet))
        picture = picture.crop((0, 0, side, side))
    picture.thumbnail((_SIDE, _SIDE), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG")
    return buffer.getvalue()


def _pixels(samples: int, sheet: Sheet) -> int:
    """Pixels of a row of samples with a gap at either end, before the grid was enlarged."""
    return samples * (sheet.side + PADDING) + PADDING


def picture_response(content: bytes, request: Request) -> Response:
    """A PNG, which the browser keeps for as long as it does not change."""
    tag = f'"{hashlib.sha256(content).hexdigest()[:16]}"'
    headers = {"etag": tag, "cache-control": "no-cache"}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    return Response(content, media_type="image/png", headers=headers)
