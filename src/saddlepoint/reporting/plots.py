"""plotly's figures inside a page, with one copy of plotly however many there are."""

from __future__ import annotations

import base64
import gzip
from collections.abc import Mapping, Sequence
from functools import cache
from html import escape
from importlib.util import find_spec
from typing import Any

from saddlepoint.reporting import page
from saddlepoint.reporting.strings import Words


def without_plotly(words: Words) -> str:
    """What stands where curves would be."""
    said = escape(words("page.without-plotly")).replace("&quot;", '"')
    return f'<p class="note">{said} <code>pip install "saddlepoint[report]"</code></p>'


@cache
def packed_plotly() -> str:
    """plotly's own script, gzip in base64: 2 MB in place of 5, as a page may hold many films.

    Kept, because packing it takes longer than drawing all figures of a run.
    """
    import plotly.offline

    script = plotly.offline.get_plotlyjs().encode()
    return base64.b64encode(gzip.compress(script, 6, mtime=0)).decode()


def curves_section(figures: Sequence[tuple[str, Any, str]], words: Words, heading: str = "") -> str:
    """plotly figures as cards, with plotly's own script inside the page. Once a page.

    Args:
        figures: (title, figure, how to read it) of each, from `figures.drawn`.
        heading: of the section; "": Curves.
    """
    heading = heading or words("page.curves")
    if find_spec("plotly") is None:
        return page.section(heading, without_plotly(words))
    if not figures:
        return page.section(heading, note=words("page.no-metrics"))
    cards = [
        f'<section class="card"><h3>{escape(title)}</h3>'
        f"{plot_place(f'curve-{number}', words('page.curve', title=title))}"
        f"{f'<p>{escape(reading)}</p>' if reading else ''}</section>"
        for number, (title, _, reading) in enumerate(figures)
    ]
    # After all cards: a curve drawn before its neighbours exist takes their room.
    script = plots(
        {f"curve-{number}": drawing for number, (_, drawing, _) in enumerate(figures)}, words
    )
    return page.section(heading, f'<div class="cards">{"".join(cards)}</div>\n{script}')


def plot_place(place: str, says: str) -> str:
    """Where `plots` draws the figure of this name."""
    return f'<div class="plot" id="{place}" role="img" aria-label="{escape(says)}"></div>'


def plots(figures: Mapping[str, Any], words: Words) -> str:
    """plotly's own script, and place -> figure drawn by it. Once a page, below all places."""
    import plotly.io

    drawings = []
    for place, drawing in figures.items():
        # Without "<", nothing in the JSON can end the script that holds it.
        content = str(plotly.io.to_json(drawing)).replace("<", "\\u003c")
        drawings.append(f"draw('{place}', {content});")
    return (
        f"<noscript><p>{escape(words('page.no-script'))}</p></noscript>\n"
        f'<script type="application/gzip" id="plotly">{packed_plotly()}</script>\n<script>\n'
        "const drawings = [];\n"
        "const draw = (place, figure) => drawings.push([place, figure]);\n"
        + "\n".join(drawings)
        + "\n</script>"
    )
