"""The fields of a configuration as a form needs them: value, type, range and meaning of each."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import itertools
import textwrap
import types
import typing
from collections.abc import Iterator
from functools import cache
from typing import Any, Literal

from saddlepoint.core.checks import MOST, bounds_of

Kind = Literal["whole", "number", "flag", "choice", "text", "list"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Field:
    """One field, by its dotted path, as in the flag `--train.n-critic`."""

    path: str
    value: Any
    kind: Kind
    choices: tuple[str, ...] = ()
    low: float | None = None
    """Least value; None: no bound worth showing."""
    high: float | None = None
    text: str = ""
    """Its docstring."""


def fields_of(owner: Any, path: str = "") -> Iterator[Field]:
    """Every field of a dataclass and of the dataclasses in it, in their order."""
    hints, texts = typing.get_type_hints(type(owner)), docstrings(type(owner))
    bounds = bounds_of(owner)
    for item in dataclasses.fields(owner):
        value, where = getattr(owner, item.name), f"{path}{item.name}"
        if dataclasses.is_dataclass(value):
            yield from fields_of(value, f"{where}.")
        elif isinstance(value, tuple) and any(map(dataclasses.is_dataclass, value)):
            for index, part in enumerate(value):
                yield from fields_of(part, f"{where}.{index}.")
        else:
            kind, choices = _kind(hints[item.name])
            low, high = bounds.get(item.name, (None, None))
            yield Field(
                path=where,
                value=list(value) if isinstance(value, tuple) else value,
                kind=kind,
                choices=choices,
                low=low,
                # A bound that only keeps sums from overflowing helps nobody.
                high=high if high is not None and high < MOST else None,
                text=texts.get(item.name, ""),
            )


@cache
def docstrings(cls: type) -> dict[str, str]:
    """Field -> the docstring below it, of a class and those that it derives from."""
    found: dict[str, str] = {}
    for one in reversed(cls.__mro__):
        if not dataclasses.is_dataclass(one):
            continue
        try:
            tree = ast.parse(textwrap.dedent(inspect.getsource(one)))
        except (OSError, TypeError):  # made in a notebook or by a program: it has no file
            continue
        body = typing.cast(ast.ClassDef, tree.body[0]).body
        for field, below in itertools.pairwise(body):
            if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
                text = below.value if isinstance(below, ast.Expr) else None
                if isinstance(text, ast.Constant) and isinstance(text.value, str):
                    found[field.target.id] = inspect.cleandoc(text.value).replace("\n", " ")
    return found


def _kind(hint: Any) -> tuple[Kind, tuple[str, ...]]:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is Literal:
        return "choice", tuple(map(str, arguments))
    if origin in (typing.Union, types.UnionType):
        return _kind(next(one for one in arguments if one is not type(None)))
    if origin is tuple:
        return "list", ()
    plain: dict[Any, Kind] = {bool: "flag", int: "whole", float: "number"}
    return plain.get(hint, "text"), ()
