"""The frame of every page, and the parts that pages share. Nothing is fetched from a network."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from html import escape
from importlib import resources
from importlib.util import find_spec
from pathlib import Path
from string import Template
from typing import Any

from PIL import Image

from saddlepoint.core.errors import InputError
from saddlepoint.core.files import write_atomically
from saddlepoint.core.images import read_picture
from saddlepoint.core.reading import read_bytes
from saddlepoint.core.runs import Run
from saddlepoint.core.snapshot_names import images_of
from saddlepoint.core.texts import Language

WITHOUT_PLOTLY = (
    '<p class="note">For curves: <code>pip install "saddlepoint[report]"</code>, then run the same '
    "command again.</p>"
)

_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
"""Names of classes and files may hold them, and a page is also read in a terminal."""


def write_page(
    out: Path, title: str, sections: Iterable[str], head: str = "", language: Language = "en"
) -> Path:
    """Write a page of some sections, whole or not at all; empty sections are left out.

    Args:
        head: what stands above the sections; by default the title alone.

    Raises:
        OSError: `out` cannot be written.
    """
    head = head or f'<header><div class="head"><h1>{escape(title)}</h1></div></header>'
    folder = resources.files("saddlepoint.reporting")
    frame = Template(folder.joinpath("page.html").read_text())
    page = frame.substitute(
        language=language,
        title=escape(title),
        style=folder.joinpath("page.css").read_text(),
        sections="\n".join(part for part in (head, *sections) if part),
    )
    out.parent.mkdir(parents=True, exist_ok=True)
    # A name that is not UTF-8, of a class for instance, must not cost the page.
    page = _CONTROLS.sub(lambda found: f"\\x{ord(found[0]):02x}", page)
    write_atomically(out, page.encode(errors="backslashreplace"))
    return out


def section(title: str, body: str = "", note: str = "") -> str:
    """A heading, a note in plain text and HTML below it."""
    explained = f'<p class="note">{escape(note)}</p>\n' if note else ""
    return f"<section>\n<h2>{escape(title)}</h2>\n{explained}{body}\n</section>"


def table(rows: Mapping[str, str], changed: Collection[str] = ()) -> str:
    """Name and value; the rows named in `changed` are marked."""
    lines = []
    for name, value in rows.items():
        mark = ' <span class="changed-sign">(changed)</span>' if name in changed else ""
        css = ' class="changed"' if mark else ""
        lines.append(
            f'<tr{css}><th scope="row">{escape(name)}</th><td>{escape(value)}{mark}</td></tr>'
        )
    return f"<table><tbody>{''.join(lines)}</tbody></table>"


def grid_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table with a row of headings; the first cell of each row is its heading."""
    head = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in header)
    lines = []
    for first, *others in rows:
        cells = "".join(f"<td>{escape(cell)}</td>" for cell in others)
        lines.append(f'<tr><th scope="row">{escape(first)}</th>{cells}</tr>')
    return (
        f'<div class="wide"><table class="numbers"><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(lines)}</tbody></table></div>"
    )


def folded(summary: str, body: str, *, opened: bool = False) -> str:
    """HTML below a line that folds it away."""
    return f"<details{' open' * opened}><summary>{escape(summary)}</summary>{body}</details>"


def commands(rows: Mapping[str, str]) -> str:
    """What for -> the exact command, to be copied."""
    return "".join(
        f'<p class="command">{escape(purpose)}</p><pre><code>{escape(command)}</code></pre>'
        for purpose, command in rows.items()
    )


def image(
    path: Path, alt: str, shortest: int = 640, longest: int = 1600, attributes: str = ""
) -> str:
    """A picture file inside the page, a GIF unchanged; "" when it is absent or cannot be read.

    Args:
        shortest: pixels are repeated by a whole factor until the width reaches about this.
        longest: a picture that is larger is made smaller.
        attributes: further ones of the HTML tag.
    """
    kind = "gif" if path.suffix == ".gif" else "png"
    try:
        content = read_bytes(path) if kind == "gif" else _png(path, shortest, longest)
    except (OSError, InputError):
        return ""
    uri = f"data:image/{kind};base64,{base64.b64encode(content).decode()}"
    return f'<img src="{uri}" alt="{escape(alt)}"{attributes}>'


def _png(path: Path, shortest: int, longest: int) -> bytes:
    """A picture that is crisp when small, and no larger than it has to be."""
    read = read_picture(path)
    picture = read.convert("L" if read.mode in ("1", "L") else "RGB")
    # Whole factors keep pixels square and sharp; browsers blur what they enlarge.
    factor = max(1, round(shortest / picture.width))
    if factor > 1:
        size = (picture.width * factor, picture.height * factor)
        picture = picture.resize(size, Image.Resampling.NEAREST)
    if max(picture.size) > longest:
        picture.thumbnail((longest, longest), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()


def figure(picture: str, caption: str) -> str:
    """An `image` with its caption; "" without one."""
    if not picture:
        return ""
    return f"<figure>{picture}<figcaption>{escape(caption)}</figcaption></figure>"


def newest_grid(run: Run, name: str, more: str = "") -> str:
    """The newest grid of a run, captioned with how long it has trained; "" without one.

    Args:
        name: what the grid shows, such as the preset's name.
        more: text after the caption.
    """
    if not run.samples:
        return ""
    caption = f"{name}, after {images_of(run.samples[-1]):,} real images{more}"
    return figure(image(run.samples[-1], f"Grid of samples: {caption}"), caption)


def reals(run: Run, caption: str) -> str:
    """The grid of real items that a run was trained on; "" without one."""
    return figure(
        image(run.samples_folder / "reals.png", f"Grid of real items: {caption}"), caption
    )


def pair(figures: Iterable[str]) -> str:
    """Figures side by side, as far as there is room."""
    return f'<div class="pair">{"".join(figures)}</div>'


def curves_section(figures: Sequence[tuple[str, Any, str]]) -> str:
    """plotly figures as cards, with plotly's own script inside the page. Once a page.

    Args:
        figures: (title, figure, how to read it) of each, from `figures.drawn`.
    """
    if find_spec("plotly") is None:
        return section("Curves", WITHOUT_PLOTLY)
    if not figures:
        return section("Curves", note="There are no metrics to draw yet.")
    cards = [
        f'<section class="card"><h3>{escape(title)}</h3>'
        f"{plot_place(f'curve-{number}', f'Curve over training: {title}')}"
        f"<p>{escape(reading)}</p></section>"
        for number, (title, _, reading) in enumerate(figures)
    ]
    # After all cards: a curve drawn before its neighbours exist takes their room.
    script = plots({f"curve-{number}": drawing for number, (_, drawing, _) in enumerate(figures)})
    return section("Curves", f'<div class="cards">{"".join(cards)}</div>\n{script}')


def plot_place(place: str, says: str) -> str:
    """Where `plots` draws the figure of this name."""
    return f'<div class="plot" id="{place}" role="img" aria-label="{escape(says)}"></div>'


def plots(figures: Mapping[str, Any]) -> str:
    """plotly's own script, and place -> figure drawn by it. Once a page, below all places."""
    import plotly.io
    import plotly.offline

    drawings = []
    for place, drawing in figures.items():
        # Without "<", nothing in the JSON can end the script that holds it.
        content = str(plotly.io.to_json(drawing)).replace("<", "\\u003c")
        drawings.append(f"draw('{place}', {content});")
    return (
        f"<script>{plotly.offline.get_plotlyjs()}</script>\n<script>\n"
        "const draw = (place, figure) => Plotly.newPlot(place, figure.data, figure.layout, "
        "{displayModeBar: false, responsive: true});\n" + "\n".join(drawings) + "\n</script>"
    )
