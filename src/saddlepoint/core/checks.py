"""Checks of fields and schemas; each failure is one sentence.

Infinity and NaN are refused whatever the bounds.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

from saddlepoint.core.errors import InputError


def at_least(owner: Any, least: float, *fields: str) -> None:
    """Raises InputError unless every named field is >= least."""
    rule = f"must be at least {least:g}"
    _require(owner, fields, lambda value: least <= value < math.inf, rule)


def above(owner: Any, bound: float, *fields: str) -> None:
    """Raises InputError unless every named field is > bound."""
    rule = f"must be greater than {bound:g}"
    _require(owner, fields, lambda value: bound < value < math.inf, rule)


def between(owner: Any, low: float, high: float, *fields: str) -> None:
    """Raises InputError unless every named field is in [low, high]."""
    rule = f"must be between {low:g} and {high:g}"
    _require(owner, fields, lambda value: low <= value <= high, rule)


def one_of(owner: Any, choices: tuple[str, ...], *fields: str) -> None:
    """Raises InputError unless every named field is one of the choices."""
    rule = f"must be one of {', '.join(choices)}"
    _require(owner, fields, lambda value: value in choices, rule)


def _require(owner: Any, fields: Iterable[str], holds: Callable[[Any], bool], rule: str) -> None:
    for field in fields:
        value = getattr(owner, field)
        # Asked what holds, not what fails: no comparison holds for NaN.
        if not holds(value):
            raise InputError(f"{type(owner).__name__}: {field}={value!r} {rule}.")


class Newer(InputError):
    """A newer version of Saddlepoint wrote it."""


def refuse_newer(owner: object, schema: object, known: int) -> None:
    """Raises Newer for a file or folder that a newer version of Saddlepoint wrote."""
    if isinstance(schema, int) and schema > known:
        raise Newer(
            f"{owner} has schema {schema}; this version of Saddlepoint knows {known}. Update it "
            "with `pip install -U saddlepoint`."
        )
