"""Figures in other languages than the English in which they are defined."""

from __future__ import annotations

from typing import Any

from saddlepoint.reporting.panel import Panel, named
from saddlepoint.reporting.strings import Words
from saddlepoint.reporting.wording import Wording


def title_in(words: Words, panel: Panel, wording: Wording) -> str:
    """The title of a panel in a language."""
    return named(words.get(f"figures.{panel.name}", panel.title), wording)


def figure_in(words: Words, loss: str, name: str, figure: Any, text: str) -> tuple[Any, str]:
    """(figure, how to read it) in a language; what it has no words for stays English.

    Args:
        loss: registered name, on which the reading may depend.
        name: of the panel.
    """
    if words.language == "en":
        return figure, text
    axes_in(words, name, figure)
    for curve in figure.data:
        curve.name = words.get(f"figures.curve.{curve.name}", curve.name)
    text = words.get(f"figures.{name}.text", text)
    text = words.get(f"figures.{name}.text.{loss}", text)
    text += f" {words('figures.bands')}" if figure.layout.meta else ""
    return figure, text


def axes_in(words: Words, name: str, figure: Any, by_time: bool = False) -> None:
    """Put the axes of a figure, and its numbers, into a language.

    Args:
        name: of the panel.
        by_time: whether it is drawn over minutes, not over images.
    """
    if words.language == "en":
        return
    over = "-time" if by_time else ""
    y_title = words.get(f"figures.{name}.y", figure.layout.yaxis.title.text)
    y_title += words("figures.log") if figure.layout.yaxis.type == "log" else ""
    figure.update_layout(
        separators=",.",
        xaxis_title_text=words(f"figures.x{over}"),
        xaxis_unifiedhovertitle_text=words.get(f"figures.hover{over}"),
        yaxis_title_text=y_title,
    )
