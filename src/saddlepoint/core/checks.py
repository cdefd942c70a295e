"""Checks of fields and schemas; each failure is one sentence.

Infinity and NaN are refused whatever the bounds, and so is any number above MOST.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextvars import ContextVar
from typing import Any

from saddlepoint.core.errors import InputError

MOST = 10**9
"""No field needs a larger number: 1e9 kimg take centuries. Beyond it, what is computed from a field
overflows somewhere in the middle of a run."""
MOST_SEED = 2**63 - 1
"""Seeds are 64-bit numbers with a sign, in torch and in files."""


_bounds: ContextVar[dict[str, tuple[float, float]] | None] = ContextVar("bounds", default=None)


class FieldRefused(InputError):
    """A field of an object has a value that it cannot have.

    Attributes:
        field: `dropout`.
        fault: `1.0 must be between 0 and 0.95.`
    """

    def __init__(self, owner: object, field: str, fault: str) -> None:
        super().__init__(f"{type(owner).__name__}: {field}={fault}")
        self.field, self.fault = field, fault


def bounds_of(owner: Any) -> dict[str, tuple[float, float]]:
    """Field -> (least, greatest) of an object, as its own checks in `__post_init__` have them."""
    token = _bounds.set(found := {})
    try:
        getattr(owner, "__post_init__", lambda: None)()
    finally:
        _bounds.reset(token)
    return found


def _record(fields: Iterable[str], low: float, high: float) -> None:
    if (found := _bounds.get()) is not None:
        found.update(dict.fromkeys(fields, (low, high)))


def at_least(owner: Any, least: float, *fields: str, most: float = MOST) -> None:
    """Raises InputError unless every named field is in [least, most]."""
    _record(fields, least, most)
    _require(owner, fields, lambda value: value >= least, f"must be at least {_text(least)}")
    _require(owner, fields, lambda value: value <= most, f"must be at most {_text(most)}")


def above(owner: Any, bound: float, *fields: str) -> None:
    """Raises InputError unless every named field is in (bound, MOST]."""
    _require(owner, fields, lambda value: value > bound, f"must be greater than {_text(bound)}")
    at_least(owner, bound, *fields)


def in_range(value: int, least: int, most: int, name: str) -> None:
    """Raises InputError unless the value is in [least, most].

    Args:
        name: `--n`; what the value is called where it was given.
    """
    if not least <= value <= most:
        rule = f"at least {least:,}" if value < least else f"at most {most:,}"
        raise InputError(f"{name} {_short(value)} must be {rule}.")


def between(owner: Any, low: float, high: float, *fields: str) -> None:
    """Raises InputError unless every named field is in [low, high]."""
    _record(fields, low, high)
    rule = f"must be between {_text(low)} and {_text(high)}"
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
            raise FieldRefused(owner, field, f"{_short(value)} {rule}.")


def _text(bound: float) -> str:
    return f"{bound:,}" if isinstance(bound, int) else f"{bound:g}"


def _short(value: Any) -> str:
    """A number as it was given, unless nobody could read it."""
    if isinstance(value, int) and abs(value) >= 10**40:
        return "(a number of more than 40 digits)"
    return repr(value)


class Newer(InputError):
    """A newer version of Saddlepoint wrote it."""


def refuse_newer(owner: object, schema: object, known: int) -> None:
    """Raises Newer for a file or folder that a newer version of Saddlepoint wrote."""
    if isinstance(schema, int) and schema > known:
        raise Newer(
            f"{owner} has schema {schema}; this version of Saddlepoint knows {known}. Update it "
            "with `pip install -U saddlepoint`."
        )
