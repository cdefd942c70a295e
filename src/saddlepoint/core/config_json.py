"""A configuration as JSON, and back with every field checked.

A component is written to JSON with its registered name: `{"kind": "dcgan", "width": 64, ...}`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from saddlepoint.core import registry
from saddlepoint.core.config import Config
from saddlepoint.core.errors import InputError
from saddlepoint.core.flat import flatten
from saddlepoint.core.shapes import shaped


def to_json(value: Any) -> Any:
    """A Config (or any part of it) as plain JSON values."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        kind = getattr(value, "kind", None)
        document = {} if kind is None else {"kind": kind}
        for item in dataclasses.fields(value):
            document[item.name] = to_json(getattr(value, item.name))
        return document
    if isinstance(value, tuple):
        return [to_json(item) for item in value]
    return value


def from_json(document: Any, hint: Any = Config, path: str = "config") -> Any:
    """The inverse of `to_json`; checks the name, type and range of every field.

    Raises:
        InputError: an unknown field or kind, a missing field, a wrong type or range, with its path.
    """
    return shaped(document, hint, path)


def with_changes(config: Config, changes: Mapping[str, Any]) -> Config:
    """A copy with fields replaced by dotted path: `{"arch.width": 32, "train.n_critic": 5}`.

    Raises:
        InputError: unknown path, wrong type or range.
    """
    # Changed as JSON and read again, so that a change is checked as a file is.
    document = to_json(config)
    for path, value in changes.items():
        try:
            document = _changed(document, path.split("."), to_json(value))
        except (KeyError, TypeError):  # no such field, or nothing below it
            known = flatten(document)
            raise InputError(registry.unknown("config field", path, known)) from None
    return from_json(document)


def _changed(place: Any, steps: list[str], value: Any) -> Any:
    if not steps:
        return value
    if isinstance(place, list):
        items = {str(index): item for index, item in enumerate(place)}
        return list(_changed(items, steps, value).values())
    step, *rest = steps
    return {**place, step: _changed(place[step], rest, value)}
