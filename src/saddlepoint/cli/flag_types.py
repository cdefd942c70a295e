"""How the words of argv become values, and how the help shows them; one rule for every flag."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from dataclasses import replace
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_type_hints

import tyro
from tyro.constructors import ConstructorRegistry, PrimitiveConstructorSpec, PrimitiveTypeInfo

from saddlepoint.core.values import number, whole_number

UNSAID = tyro.conf.arg(help_behavior_hint="")
"""Annotates a flag whose default is nothing: its text says what that means, not "None"."""

REGISTRY = ConstructorRegistry()
"""For `tyro.cli`: its own rules, and those below before them."""


_READERS: dict[Any, Callable[[str], Any]] = {int: whole_number, float: number}


@REGISTRY.primitive_rule
def _numbers(info: PrimitiveTypeInfo) -> PrimitiveConstructorSpec[Any] | None:
    read = _READERS.get(info.type)
    if read is None:
        return None
    return PrimitiveConstructorSpec(
        nargs=1,
        metavar=info.type.__name__.upper(),
        instance_from_str=lambda words: read(words[0]),
        is_instance=lambda value: isinstance(value, int | info.type),
        str_from_instance=lambda value: [str(value).removesuffix(".0")],
    )


@REGISTRY.primitive_rule
def _optional(info: PrimitiveTypeInfo) -> PrimitiveConstructorSpec[Any] | None:
    """`X | None` is shown and read as X: to say None, one leaves the flag out."""
    kinds = [kind for kind in get_args(info.type) if kind is not NoneType]
    if info.type_origin not in (UnionType, Union) or len(kinds) != 1:
        return None
    spec = ConstructorRegistry.get_primitive_spec(PrimitiveTypeInfo.make(kinds[0], info.markers))
    if not isinstance(spec, PrimitiveConstructorSpec):
        return None
    return replace(
        spec,
        is_instance=lambda value: value is None or spec.is_instance(value),
        str_from_instance=lambda value: [] if value is None else spec.str_from_instance(value),
    )


def recorder(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function with the flags and the help of `function`, which returns what it is given.

    A default that is nothing is not shown, and each text of the help is one paragraph.
    """

    def given(*values: Any, **flags: Any) -> Any:
        return values, flags

    hints = get_type_hints(function, include_extras=True)
    signature = inspect.signature(function)
    for name, parameter in signature.parameters.items():
        if parameter.default in (None, ()):
            hints[name] = Annotated[hints[name], UNSAID]
    given.__name__ = function.__name__
    given.__signature__ = signature  # type: ignore[attr-defined]  # inspect and tyro read it
    given.__annotations__ = hints
    # tyro takes an indented line for a new paragraph.
    given.__doc__ = re.sub(r"\n {8}(?=\S)", " ", inspect.cleandoc(function.__doc__ or ""))
    return given
