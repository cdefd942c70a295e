"""Pictures inside a page: grids, films of grids, and any other picture file."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path

import numpy as np
from PIL import Image

from saddlepoint.core.errors import InputError
from saddlepoint.core.images import as_picture, read_picture
from saddlepoint.core.reading import read_bytes
from saddlepoint.core.runs import Run
from saddlepoint.core.snapshot_names import images_of, spread
from saddlepoint.reporting.strings import Words

FRAMES = 24
"""Of the films of a page, all runs together twice as many: more would make a page heavy."""
MOST_EXACT = 150_000
"""Bytes of a PNG; a picture that needs more becomes a WebP of a fifth, in which nobody sees it."""
MOST_LETTERS = 2_500_000
"""Of the frames of several runs: with plotly and the newest grids a page stays under 8 MB."""
_SMALL = {"shortest": 1, "longest": 400, "exact": 8000}
"""Of a frame."""


def image(
    path: Path,
    alt: str,
    shortest: int = 640,
    longest: int = 1600,
    attributes: str = "",
    exact: int = MOST_EXACT,
) -> str:
    """A picture file inside the page, a GIF unchanged; "" when it is absent or cannot be read.

    Args:
        shortest: pixels are repeated by a whole factor until the width reaches about this.
        longest: a picture that is larger is made smaller.
        attributes: further ones of the HTML tag.
        exact: bytes up to which it is a PNG.
    """
    try:
        if path.suffix == ".gif":
            return _tag(read_bytes(path), "gif", alt, attributes)
        return _fitted(read_picture(path), alt, shortest, longest, attributes, exact)
    except (OSError, InputError):
        return ""


def made_image(pixels: np.ndarray, alt: str, small: bool = False) -> str:
    """uint8 [h, w, c] inside the page, in few bytes where it is `small`."""
    return _fitted(as_picture(pixels), alt, 640, 1600, "", 8000 if small else MOST_EXACT)


def _fitted(
    read: Image.Image, alt: str, shortest: int, longest: int, attributes: str, exact: int
) -> str:
    """A picture that is crisp when small, and no larger than it has to be."""
    picture = read.convert("L" if read.mode in ("1", "L") else "RGB")
    # Whole factors keep pixels square and sharp; browsers blur what they enlarge.
    factor = max(1, round(shortest / picture.width))
    if factor > 1:
        size = (picture.width * factor, picture.height * factor)
        picture = picture.resize(size, Image.Resampling.NEAREST)
    if max(picture.size) > longest:
        picture.thumbnail((longest, longest), Image.Resampling.LANCZOS)
    content, kind = _saved(picture, format="PNG", optimize=True), "png"
    if len(content) > exact:
        content, kind = _saved(picture, format="WEBP", quality=85), "webp"
    return _tag(content, kind, alt, attributes)


def _saved(picture: Image.Image, **how: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, **how)  # type: ignore[arg-type]  # as Pillow names them
    return buffer.getvalue()


def _tag(content: bytes, kind: str, alt: str, attributes: str) -> str:
    uri = f"data:image/{kind};base64,{base64.b64encode(content).decode()}"
    return f'<img src="{uri}" alt="{escape(alt)}"{attributes}>'


def figure(picture: str, caption: str, css: str = "") -> str:
    """An `image` with its caption; "" without one."""
    if not picture:
        return ""
    kind = f' class="{css}"' if css else ""
    below = f"<figcaption>{escape(caption)}</figcaption>" if caption else ""
    return f"<figure{kind}>{picture}{below}</figure>"


def newest_grid(run: Run, name: str, words: Words, more: str = "") -> str:
    """The newest grid of a run, captioned with how long it has trained; "" without one.

    Args:
        name: what the grid shows, such as the preset's name.
        more: text after the caption.
    """
    if not run.samples:
        return ""
    caption = _after(run.samples[-1], name, words) + more
    return figure(image(run.samples[-1], words("page.grid", caption=caption)), caption, css="film")


def reals(run: Run, caption: str, words: Words) -> str:
    """The grid of real items that a run was trained on; "" without one."""
    picture = image(run.samples_folder / "reals.png", words("page.reals", caption=caption))
    return figure(picture, caption)


def frames(run: Run, name: str, words: Words, most: int = FRAMES, hidden: bool = False) -> str:
    """The earlier grids of a run, of which the page's script makes a film; "" without any.

    Args:
        hidden: whether they are seen as a film alone.
    """
    # Not the newest grid: it stands on the page already, and large.
    shown = [
        figure(
            image(path, _after(path, name, words), attributes=' loading="lazy"', **_SMALL),
            words("page.images", images=words.number(f"{images_of(path):,}")),
        )
        for path in spread(run.samples[:-1], most)
    ]
    items = "".join(f"<li>{item}</li>" for item in shown if item)
    # Without earlier grids too, so that the lists stay beside the grids that they belong to.
    return f'<ol class="frames strip"{" hidden" * (hidden or not items)}>{items}</ol>'


def film(figures: Iterable[str], lists: Iterable[str], words: Words) -> str:
    """Grids side by side, and a slider that takes all of them back to how they were.

    Args:
        figures: of `newest_grid`, and any others.
        lists: the `frames` of each grid, in the same order.
    """
    said = {"play": words("page.play"), "pause": words("page.pause"), "when": words("page.when")}
    data = "".join(f' data-{name}="{escape(text)}"' for name, text in said.items())
    return f'<div class="films"{data}>{pair(figures)}{"".join(lists)}</div>'


def films(
    runs: Sequence[tuple[Run, str]], words: Words, before: str = "", most: int = 2 * FRAMES
) -> str:
    """The grids of several runs as one `film`.

    Args:
        runs: each with what its grid shows.
        before: a figure that comes first.
        most: frames, of all runs together.
    """
    grids = {(run, name): newest_grid(run, name, words) for run, name in runs}
    kept = [one for one, grid in grids.items() if grid]
    most = max(2, most // max(1, len(runs)))
    lists = [frames(run, name, words, most, hidden=True) for run, name in kept]
    while most > 1 and sum(map(len, lists)) > MOST_LETTERS:
        most //= 2
        lists = [frames(run, name, words, most, hidden=True) for run, name in kept]
    return film([before, *filter(None, grids.values())], lists, words)


def pair(figures: Iterable[str]) -> str:
    """Figures side by side, as far as there is room."""
    return f'<div class="pair">{"".join(figures)}</div>'


def _after(path: Path, name: str, words: Words) -> str:
    return words("page.after", name=name, images=words.number(f"{images_of(path):,}"))
