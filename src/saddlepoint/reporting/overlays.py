"""The figures of several runs over one another: a curve of each, in the colour of its run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from saddlepoint.core.history import History
from saddlepoint.reporting.figure_words import axes_in, title_in
from saddlepoint.reporting.figures import PANELS
from saddlepoint.reporting.palette import style_of
from saddlepoint.reporting.panel import Series, named
from saddlepoint.reporting.strings import ENGLISH, Words
from saddlepoint.reporting.wording import Wording, wording_of

if TYPE_CHECKING:
    import plotly.graph_objects as go


@dataclass(frozen=True)
class Overlay:
    """One column of several runs."""

    column: str
    title: str
    """Of the panel, and of the curve where the panel has several."""
    figure: go.Figure
    text: str
    """How to read it; "" where nothing needs to be said."""


def overlays_of(
    runs: Sequence[tuple[str, dict[str, Any], History]],
    by_time: bool = False,
    words: Words = ENGLISH,
) -> list[Overlay]:
    """A figure of each column that any of the runs has; [] without plotly.

    Args:
        runs: name, config.json and history of each; more than eight cannot be told apart.
    """
    if find_spec("plotly") is None:
        return []
    wordings = {
        wording_of((document.get("config") or {}).get("loss") or {}) for _, document, _ in runs
    }
    # Where losses differ, neither a name nor a line fits all of them.
    wording = wordings.pop() if len(wordings) == 1 else Wording(zero_is_neutral=False)
    shown = [
        (history, Series("", name, *style_of(place)))
        for place, (name, _, history) in enumerate(runs)
    ]
    found = []
    for panel in PANELS:
        for item in panel.series if not panel.only_if_named else ():
            figure = panel.overlay(item, shown, by_time, wording)
            if figure is not None:
                axes_in(words, panel.name, figure, by_time)
                title = title_in(words, panel, wording)
                label = named(item.label, wording)
                if len(panel.series) > 1:
                    title += f": {words.get(f'figures.curve.{label}', label)}"
                text = words.get(f"overlays.{panel.name}")
                found.append(Overlay(item.column, title, figure, text))
    return found
