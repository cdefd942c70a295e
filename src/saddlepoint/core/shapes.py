"""Plain JSON values -> typed ones, every field checked against a type. No torch in here."""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any, Literal

from saddlepoint.core import registry
from saddlepoint.core.checks import FieldRefused
from saddlepoint.core.errors import InputError

_WORDS = {float: "a number", int: "a whole number", str: "text", bool: "true or false"}


def shaped(document: Any, hint: Any, path: str) -> Any:
    """`document`, checked and converted to the type `hint`.

    Args:
        hint: a dataclass, a contract of the registry, a TypedDict (whose further fields are kept
            as they are), tuple[X, ...], tuple[X, Y], list[X], dict[str, X], a Literal, a union
            with None, int, float, str, bool, Any, or Annotated[X, (least, greatest)].
        path: where the document stands, for the sentence: `run/config.json: config`.

    Raises:
        InputError: an unknown field or kind, a missing field, a wrong type or range, with its path.
    """
    if hint is Any:
        return document
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is Annotated:
        value, (least, greatest) = shaped(document, arguments[0], path), arguments[1]
        if not least <= value <= greatest:
            rule = f"must be between {least:g} and {greatest:g}"
            raise InputError(f"{path}={short(value)} {rule}.")
        return value
    if origin in (tuple, list):
        items = _items(document, arguments if origin is tuple else (*arguments, ...), path)
        return origin(items)
    if origin is dict:
        fields = _fields(document, path)
        return {name: shaped(value, arguments[1], f"{path}.{name}") for name, value in fields}
    if origin in (typing.Union, types.UnionType):
        return _one_of(document, arguments, path)
    if typing.is_typeddict(hint):
        return _typed_dict(document, hint, path)
    if isinstance(hint, type) and (dataclasses.is_dataclass(hint) or hasattr(hint, "group")):
        return _component(document, hint, path)
    return _scalar(document, hint, path)


def _fields(document: Any, path: str) -> list[tuple[str, Any]]:
    if not isinstance(document, Mapping):
        raise InputError(f"{path} must be an object with fields, not {short(document)}.")
    return list(document.items())


def _items(document: Any, hints: tuple[Any, ...], path: str) -> list[Any]:
    if not isinstance(document, list | tuple):
        raise InputError(f"{path} must be a list, not {short(document)}.")
    if hints[-1] is ...:
        hints = hints[:1] * len(document)
    if len(hints) != len(document):
        raise InputError(f"{path} must have {len(hints)} entries, not {len(document)}.")
    pairs = enumerate(zip(document, hints, strict=True))
    return [shaped(item, hint, f"{path}.{i}") for i, (item, hint) in pairs]


def _one_of(document: Any, hints: tuple[Any, ...], path: str) -> Any:
    if document is None and type(None) in hints:
        return None
    wanted = [hint for hint in hints if hint is not type(None)]
    for hint in wanted[:-1]:
        try:
            return shaped(document, hint, path)
        except InputError:
            pass
    # The last one says what is wrong.
    return shaped(document, wanted[-1], path)


def _typed_dict(document: Any, hint: Any, path: str) -> dict[str, Any]:
    values, hints = dict(_fields(document, path)), _hints(hint, True)
    for name in sorted(hint.__required_keys__):
        if name not in values:
            raise InputError(f"{path} has no field {name!r}.")
    for name in values.keys() & hints.keys():
        values[name] = shaped(values[name], hints[name], f"{path}.{name}")
    return values


def _component(document: Any, hint: type, path: str) -> Any:
    fields = dict(_fields(document, path))
    group = getattr(hint, "group", None)
    if group is not None:
        kind = fields.pop("kind", None)
        if not isinstance(kind, str):
            raise InputError(f"{path} needs a 'kind': one of {', '.join(registry.names(group))}.")
        hint = registry.get(group, kind)
    hints = _hints(hint, False)
    known = [item.name for item in dataclasses.fields(hint)]
    for name in fields:
        if name not in known:
            raise InputError(registry.unknown(f"field of {path}", name, known))
    for item in dataclasses.fields(hint):
        needed = item.default is item.default_factory is dataclasses.MISSING
        if needed and item.name not in fields:
            raise InputError(f"{path} has no field {item.name!r}.")
    values = {n: shaped(v, hints[n], f"{path}.{n}") for n, v in fields.items()}
    try:
        return hint(**values)
    except FieldRefused as refused:
        # By its place, which whoever wrote it knows, not by the class that it becomes.
        raise InputError(f"{path}.{refused.field}={refused.fault}") from None


@cache
def _hints(cls: type, extras: bool) -> dict[str, Any]:
    """Kept: a report reads a run's config.json four times, and this is most of reading it."""
    return typing.get_type_hints(cls, include_extras=extras)


def _scalar(value: Any, hint: Any, path: str) -> Any:
    if typing.get_origin(hint) is Literal:
        choices = typing.get_args(hint)
        # By type as well: True equals 1, and a list is in no set of choices.
        if not any(type(value) is type(choice) and value == choice for choice in choices):
            rule = f"must be one of {', '.join(map(str, choices))}"
            raise InputError(f"{path}={short(value)} {rule}.")
        return value
    if isinstance(value, float) and not math.isfinite(value):
        raise InputError(f"{path}={value!r} must be a finite number.")
    # In Python True is an int, but not a number of images.
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if hint is float and is_number and abs(value) < 2**1000:
        return float(value)
    # People write counts as 1e3, which JSON reads as a float.
    if hint is int and is_number and (isinstance(value, int) or value.is_integer()):
        return int(value)
    if isinstance(hint, type) and hint not in (int, float) and isinstance(value, hint):
        return value
    raise InputError(f"{path}={short(value)} must be {_WORDS.get(hint, hint)}.")


def short(value: Any) -> str:
    """A value as it stands in the file, shortened."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, list | tuple | Mapping):
        return "{...}" if isinstance(value, Mapping) else "[...]"
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
