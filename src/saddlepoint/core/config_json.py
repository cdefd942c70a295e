"""A configuration as JSON, and back with every field checked.

A component is written to JSON with its registered name: `{"kind": "dcgan", "width": 64, ...}`.
"""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from collections.abc import Mapping
from typing import Any, Literal

from saddlepoint.core import registry
from saddlepoint.core.config import Config
from saddlepoint.core.errors import InputError
from saddlepoint.core.flat import flatten


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
    if typing.get_origin(hint) is tuple:
        if not isinstance(document, list | tuple):
            raise InputError(f"{path} must be a list, not {document!r}.")
        item_hint = typing.get_args(hint)[0]
        return tuple(from_json(v, item_hint, f"{path}.{i}") for i, v in enumerate(document))
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        if document is None:
            return None
        hint = next(a for a in typing.get_args(hint) if a is not type(None))
        return from_json(document, hint, path)
    if isinstance(hint, type) and (dataclasses.is_dataclass(hint) or hasattr(hint, "group")):
        return _component(document, hint, path)
    return _scalar(document, hint, path)


def _component(document: Any, hint: type, path: str) -> Any:
    if not isinstance(document, Mapping):
        raise InputError(f"{path} must be an object with fields, not {document!r}.")
    fields = dict(document)
    kind = fields.pop("kind", None)
    group = getattr(hint, "group", None)
    if group is not None:
        if not isinstance(kind, str):
            raise InputError(f"{path} needs a 'kind': one of {', '.join(registry.names(group))}.")
        hint = registry.get(group, kind)
    hints = typing.get_type_hints(hint)
    known = [item.name for item in dataclasses.fields(hint)]
    for name in fields:
        if name not in known:
            raise InputError(registry.unknown(f"field of {path}", name, known))
    values = {n: from_json(v, hints[n], f"{path}.{n}") for n, v in fields.items()}
    try:
        return hint(**values)
    # A field without a default is missing; the constructor names it.
    except TypeError as error:
        raise InputError(f"{path}: {error}.") from error


def _scalar(value: Any, hint: Any, path: str) -> Any:
    if typing.get_origin(hint) is Literal:
        choices = typing.get_args(hint)
        if value not in choices:
            raise InputError(f"{path}={value!r} must be one of {', '.join(map(str, choices))}.")
        return value
    if isinstance(value, float) and not math.isfinite(value):
        raise InputError(f"{path}={value!r} must be a finite number.")
    # In Python True is an int, but no number of images.
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if hint is float and is_number:
        return float(value)
    # People write counts as 1e3, which JSON reads as a float.
    if hint is int and is_number and float(value).is_integer():
        return int(value)
    if isinstance(hint, type) and hint not in (int, float) and isinstance(value, hint):
        return value
    raise InputError(f"{path}={value!r} must be of type {getattr(hint, '__name__', hint)}.")


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
