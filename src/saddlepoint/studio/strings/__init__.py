"""The texts of the studio: one file a language for the frame, and one for each view."""

from __future__ import annotations

from functools import cache

from saddlepoint.core.texts import LANGUAGES
from saddlepoint.reporting.strings import texts_in

__all__ = ["LANGUAGES", "texts"]

SHARED = ("doctor", "findings", "next", "states")
"""Subjects of the pages' texts that the studio shows as well."""


@cache
def texts(language: str) -> dict[str, str]:
    """Key -> text; the keys of `play.en.json` begin with `play.`."""
    pages = texts_in("saddlepoint.reporting.strings", language)
    shared = {key: text for key, text in pages.items() if key.partition(".")[0] in SHARED}
    return shared | texts_in(__name__, language)
