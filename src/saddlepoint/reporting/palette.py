"""The colours of all figures of all pages, and which of them a curve has among others. No torch."""

from __future__ import annotations

# Okabe and Ito's colours, told apart by every kind of colour vision, lightened a little so that
# one set serves a white and a dark page: https://jfly.uni-koeln.de/color/
BLUE, ORANGE, GREEN, PINK = "#2f8fd0", "#dd6a1f", "#0f9d78", "#c66a9f"
INK, RULE = "#7b8490", "rgba(128,138,150,0.22)"
COLOURS = (BLUE, ORANGE, GREEN, PINK, "#b59a00", INK, "#56b4e9", "#8a5a44")
"""Of the curves of a chart, in their order."""
_PLAIN = 4
"""Curves that colour alone tells apart; those after them are dashed as well."""


def style_of(place: int) -> tuple[str, str]:
    """Colour and dash of the curve at a place among others of its kind."""
    return COLOURS[place % len(COLOURS)], "solid" if place < _PLAIN else "dash"
