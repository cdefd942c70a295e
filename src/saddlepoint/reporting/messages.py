"""What run folders hold in English, in another language: the doctor's messages, notes of scores.

A message is a template with values. `strings/messages.vi.json` has each template, with `{}` in the
places of its values, and what is said instead, with `{0}`, `{1}`.
"""

from __future__ import annotations

import re
from functools import cache
from importlib import resources

from saddlepoint.core.json_files import parse
from saddlepoint.core.shapes import shaped
from saddlepoint.core.texts import Language, in_digits_of


def in_language(text: str, language: Language) -> str:
    """A message or a note; of a detector or measure from elsewhere, as it is."""
    for pattern, said in _templates(language):
        found = pattern.fullmatch(text)
        if found:
            return said.format(*(_value(value, language) for value in found.groups()))
    return text


def _value(text: str, language: Language) -> str:
    """A number, the name of a net, or a text that has a template of its own."""
    if re.fullmatch(r"[-+.,\d]+(e[-+]?\d+)?", text):
        return in_digits_of(language, text)
    return in_language(text, language)


@cache
def _templates(language: Language) -> list[tuple[re.Pattern[str], str]]:
    if language == "en":
        return []
    name = f"messages.{language}.json"
    file = resources.files("saddlepoint.reporting.strings").joinpath(name)
    known = shaped(parse(file.read_bytes(), name), dict[str, str], name)
    patterns = ("(.+?)".join(map(re.escape, template.split("{}"))) for template in known)
    return [
        (re.compile(pattern, re.DOTALL), said)
        for pattern, said in zip(patterns, known.values(), strict=True)
    ]
