"""What the page of claims says around the claims, one file a language."""

from __future__ import annotations

from saddlepoint.core.texts import Language
from saddlepoint.reporting.strings import en, vi
from saddlepoint.reporting.strings.words import Strings


def strings(language: Language) -> Strings:
    """The texts of one language."""
    return vi.STRINGS if language == "vi" else en.STRINGS
