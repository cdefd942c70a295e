"""The frame of every page, and the parts that pages share. Nothing is fetched from a network."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from html import escape
from importlib import resources
from pathlib import Path
from typing import Any

from saddlepoint.reporting.pictures import picture_uri

WITHOUT_PLOTLY = (
    '<p class="note">For curves: <code>pip install "saddlepoint[report]"</code>, then make this '
    "page anew.</p>"
)


def page_of(title: str, sections: Iterable[str]) -> str:
    """A whole HTML document around some sections; empty ones are left out."""
    style = resources.files("saddlepoint.reporting").joinpath("page.css").read_text()
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)} · Saddlepoint</title>\n"
        # An empty icon, or the browser would ask a server for one.
        '<link rel="icon" href="data:,">\n'
        f"<style>\n{style}</style>\n</head>\n<body>\n<main>\n"
        + "\n".join(part for part in sections if part)
        + "\n</main>\n</body>\n</html>\n"
    )


def section(title: str, body: str, note: str = "") -> str:
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


def figure_of(path: Path, alt: str, caption: str) -> str:
    """A picture file with its caption, inside the page; "" when it cannot be read."""
    uri = picture_uri(path, shortest=640, longest=1600)
    if uri is None:
        return ""
    return (
        f'<figure><img src="{uri}" alt="{escape(alt)}">'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )


def curves_of(figures: Sequence[tuple[str, str, Any, str]]) -> str:
    """plotly figures as cards, with plotly's own script inside the page. Once a page.

    Args:
        figures: (identifier, title, figure, how to read it) of each.
    """
    import plotly.io
    import plotly.offline

    cards, drawings = [], []
    for name, title, figure, reading in figures:
        cards.append(
            f'<section class="card"><h3>{escape(title)}</h3>'
            f'<div class="plot" id="curve-{name}" role="img" '
            f'aria-label="Curve over training: {escape(title)}"></div>'
            f"<p>{escape(reading)}</p></section>"
        )
        # JSON inside a script: without "<" nothing in it can end the script.
        content = str(plotly.io.to_json(figure)).replace("<", "\\u003c")
        drawings.append(f"draw('curve-{name}', {content});")
    # After the cards: a curve that is drawn before its neighbours exist takes their room.
    script = (
        f"<script>{plotly.offline.get_plotlyjs()}</script>\n<script>\n"
        "const draw = (place, figure) => Plotly.newPlot(place, figure.data, figure.layout, "
        "{displayModeBar: false, responsive: true});\n" + "\n".join(drawings) + "\n</script>"
    )
    return f'<div class="cards">{"".join(cards)}</div>\n{script}'
