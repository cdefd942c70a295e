"""Checks of fields and schemas; each failure is one sentence.

Infinity and NaN are refused whatever the bounds.
"""

from __future__ import annotations

import math
from typing import Any

from saddlepoint.core.errors import InputError


def at_least(owner: Any, least: float, *fields: str) -> None:
    """Raises InputError unless every named field is >= least."""
    for field in fields:
        if not least <= getattr(owner, field) < math.inf:
            _fail(owner, field, f"must be at least {least:g}")


def above(owner: Any, bound: float, *fields: str) -> None:
    """Raises InputError unless every named field is > bound."""
    for field in fields:
        if not bound < getattr(owner, field) < math.inf:
            _fail(owner, field, f"must be greater than {bound:g}")


def between(owner: Any, low: float, high: float, *fields: str) -> None:
    """Raises InputError unless every named field is in [low, high]."""
    for field in fields:
        if not low <= getattr(owner, field) <= high:
            _fail(owner, field, f"must be between {low:g} and {high:g}")


def one_of(owner: Any, choices: tuple[str, ...], *fields: str) -> None:
    """Raises InputError unless every named field is one of the choices."""
    for field in fields:
        if getattr(owner, field) not in choices:
            _fail(owner, field, f"must be one of {', '.join(choices)}")


def refuse_newer(owner: object, schema: object, known: int) -> None:
    """Raises InputError for a file or folder that a newer version of Saddlepoint wrote."""
    if isinstance(schema, int) and schema > known:
        raise InputError(
            f"{owner} has schema {schema}; this version of Saddlepoint knows {known}. Update it "
            "with `pip install -U saddlepoint`."
        )


def _fail(owner: Any, field: str, rule: str) -> None:
    raise InputError(f"{type(owner).__name__}: {field}={getattr(owner, field)!r} {rule}.")
