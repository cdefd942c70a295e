"""Pictures of run folders as the browser gets them."""

from __future__ import annotations

import hashlib
import io
from functools import lru_cache
from pathlib import Path

from PIL import Image
from starlette.requests import Request
from starlette.responses import Response

from saddlepoint.core.images import read_picture

_SIDE = 160
"""Pixels of a thumbnail."""


@lru_cache(maxsize=1024)
def thumbnail(file: Path, changed: int, whole: bool) -> bytes:
    """A sample grid as a PNG of at most `_SIDE` pixels.

    Args:
        whole: all of it, not its upper left part.
        changed: when the file was, so that a new one is read again.

    Raises:
        InputError: no picture.
    """
    picture = read_picture(file)
    picture = picture.convert("L" if picture.mode in ("1", "L") else "RGB")
    # Of a grid of 8 x 8 samples a half is 4 x 4 of them, which can still be told apart.
    side = min(picture.size)
    side = side // 2 if side > _SIDE and not whole else side
    picture = picture.crop((0, 0, side, side))
    if side > _SIDE:
        picture = picture.resize((_SIDE, _SIDE), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG")
    return buffer.getvalue()


def picture_response(content: bytes, request: Request) -> Response:
    """A PNG, which the browser keeps for as long as it does not change."""
    tag = f'"{hashlib.sha256(content).hexdigest()[:16]}"'
    headers = {"etag": tag, "cache-control": "no-cache"}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    return Response(content, media_type="image/png", headers=headers)
