"""English sentences in another language: what run folders hold (the doctor's messages, notes of
scores), and what the studio answers (errors, doubts, notes on a picture).

A message is a template with values. `strings/messages.vi.json` and `errors.vi.json` have each
template, with `{}` in the places of its values, and what is said instead, with `{0}`, `{1}`.
"""

from __future__ import annotations

import re
from functools import cache
from importlib import resources

from saddlepoint.core.json_files import parse
from saddlepoint.core.shapes import shaped
from saddlepoint.core.texts import LANGUAGES, Language, in_digits_of

LONGEST = 1000
"""Characters of a message that is looked up; a longer one quotes what somebody sent."""


def in_language(text: str, language: Language) -> str:
    """A message or a note; of a detector or measure from elsewhere, as it is."""
    for pattern, said in _templates(language) if len(text) <= LONGEST else ():
        found = pattern.fullmatch(text)
        if found:
            return said.format(*(_value(value, language) for value in found.groups()))
    return text


def in_languages(text: str) -> dict[Language, str]:
    """A message in every language; where there are no words for it, it is the English one."""
    return {language: in_language(text, language) for language in LANGUAGES}


def _value(text: str, language: Language) -> str:
    """A number, the name of a net, or a text that has a template of its own."""
    if re.fullmatch(r"[-+.,\d]+(e[-+]?\d+)?", text):
        return in_digits_of(language, text)
    return in_language(text, language)


@cache
def _templates(language: Language) -> list[tuple[re.Pattern[str], str]]:
    if language == "en":
        return []
    known: dict[str, str] = {}
    for subject in ("messages", "errors"):
        name = f"{subject}.{language}.json"
        file = resources.files("saddlepoint.reporting.strings").joinpath(name)
        known |= shaped(parse(file.read_bytes(), name), dict[str, str], name)
    patterns = ("(.+?)".join(map(re.escape, template.split("{}"))) for template in known)
    return [
        (re.compile(pattern, re.DOTALL), said)
        for pattern, said in zip(patterns, known.values(), strict=True)
    ]
