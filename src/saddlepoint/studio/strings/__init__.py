"""The texts of the studio: one file a language for the frame, and one for each view."""

from __future__ import annotations

from functools import cache
from importlib import resources

from saddlepoint.core.json_files import parse
from saddlepoint.core.shapes import shaped
from saddlepoint.core.texts import LANGUAGES

__all__ = ["LANGUAGES", "texts"]


@cache
def texts(language: str) -> dict[str, str]:
    """Key -> text; the keys of `play.en.json` begin with `play.`."""
    found: dict[str, str] = {}
    for file in resources.files("saddlepoint.studio.strings").iterdir():
        name, *rest = file.name.split(".")
        if rest == [language, "json"]:
            words = shaped(parse(file.read_bytes(), file.name), dict[str, str], file.name)
            found |= {f"{name}.{key}": text for key, text in words.items()}
    return found
