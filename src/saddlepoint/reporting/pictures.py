"""Pictures inside a page: data URIs, crisp when enlarged and small when many."""

from __future__ import annotations

import base64
import io
from pathlib import Path

from PIL import Image


def picture_uri(path: Path, shortest: int, longest: int) -> str | None:
    """A picture file as a data URI; None when it is absent or cannot be read. A GIF is unchanged.

    Args:
        shortest: pixels are repeated by a whole factor until the width reaches about this.
        longest: a picture that is larger is made smaller.
    """
    if path.suffix == ".gif":
        return _data_uri("gif", path.read_bytes())
    try:
        with Image.open(path) as file:
            picture = file.convert("L" if file.mode in ("1", "L") else "RGB")
    except (OSError, ValueError):
        return None
    # Whole factors keep pixels square and sharp; browsers blur what they enlarge.
    factor = max(1, round(shortest / picture.width))
    if factor > 1:
        size = (picture.width * factor, picture.height * factor)
        picture = picture.resize(size, Image.Resampling.NEAREST)
    if max(picture.size) > longest:
        picture.thumbnail((longest, longest), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG", optimize=True)
    return _data_uri("png", buffer.getvalue())


def _data_uri(kind: str, content: bytes) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"
