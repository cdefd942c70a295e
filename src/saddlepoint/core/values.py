"""Words that a person types -> values, and back. No torch in here."""

from __future__ import annotations

import math
import re
from typing import Any

# Python's int() and float() also read 1_000, the digits of other scripts, nan and inf: slips in a
# command, all of them.
_WHOLE = re.compile(r"[+-]?[0-9]{1,4000}")
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")


def whole_number(text: str) -> int:
    """Raises ValueError unless `text` is a whole number in the digits 0-9."""
    if not _WHOLE.fullmatch(text):
        raise ValueError(f"takes a whole number, not {text[:60]!r}")
    return int(text)


def number(text: str) -> float:
    """Raises ValueError unless `text` is a finite number in the digits 0-9."""
    if not _NUMBER.fullmatch(text) or not math.isfinite(value := float(text)):
        raise ValueError(f"takes a number, not {text[:60]!r}")
    return value


def as_word(value: Any) -> str:
    """A value of a JSON document as one word: items of a list are joined by `+`."""
    if isinstance(value, list):
        return "+".join(map(as_word, value))
    return str(value).lower() if isinstance(value, bool) else str(value)
