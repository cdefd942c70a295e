"""What every registered component owes its reader and its JSON: found by name, held by all."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import json
import re
import textwrap
import typing
from collections.abc import Callable
from typing import Any

import pytest

from saddlepoint.core import config as config_module
from saddlepoint.core import registry
from saddlepoint.core.config_json import from_json, to_json

EVERY = [(group, name) for group in registry.HOMES for name in registry.names(group)]
every_component = pytest.mark.parametrize(
    ("group", "name"), EVERY, ids=[f"{group}-{name}" for group, name in EVERY]
)
WITH_PAPER = ("architecture", "loss", "penalty")


def documented_fields(cls: type) -> dict[str, str | None]:
    """The fields that a class's own body declares, with the string below each."""
    (node,) = ast.parse(textwrap.dedent(inspect.getsource(cls))).body
    assert isinstance(node, ast.ClassDef)
    found: dict[str, str | None] = {}
    for line, below in zip(node.body, [*node.body[1:], None], strict=True):
        if isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name):
            text = below.value if isinstance(below, ast.Expr) else None
            is_text = isinstance(text, ast.Constant) and isinstance(text.value, str)
            found[line.target.id] = text.value if is_text else None  # type: ignore[union-attr, assignment]
    return found


def is_part(hint: Any) -> bool:
    """True for a component (or a tuple of them) and for a section of the configuration."""
    hint = next(iter(typing.get_args(hint)), hint)
    return dataclasses.is_dataclass(hint) or hasattr(hint, "group")


def check_documentation(cls: type) -> None:
    assert cls.__doc__, cls
    assert not cls.__doc__.startswith(f"{cls.__name__}("), "this is what dataclass writes itself"
    for field in dataclasses.fields(cls):
        if is_part(typing.get_type_hints(cls)[field.name]):
            continue  # documented where it is defined
        # A class that only changes the default of an inherited field need not say it again.
        owners = [c for c in cls.__mro__ if field.name in vars(c).get("__annotations__", {})]
        texts = [documented_fields(owner)[field.name] for owner in owners]
        assert any(texts), f"{cls.__name__}.{field.name} has no docstring below it"


@every_component
def test_it_is_a_frozen_keyword_only_dataclass(
    group: str, name: str, example_of: Callable[[str, str], Any]
) -> None:
    cls = registry.get(group, name)
    assert dataclasses.is_dataclass(cls)
    assert cls.__dataclass_params__.frozen  # type: ignore[attr-defined]
    assert all(field.kw_only for field in dataclasses.fields(cls))
    assert cls.kind == name
    assert cls.group == group
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name), "names are kebab-case"
    assert hash(example_of(group, name)) == hash(example_of(group, name))


@every_component
def test_it_and_each_of_its_fields_is_documented(group: str, name: str) -> None:
    check_documentation(registry.get(group, name))


@pytest.mark.parametrize(
    "cls",
    [
        cls
        for _, cls in inspect.getmembers(config_module, dataclasses.is_dataclass)
        if isinstance(cls, type) and cls.__module__ == config_module.__name__
    ],
)
def test_each_field_of_the_configuration_is_documented(cls: type) -> None:
    check_documentation(cls)


@pytest.mark.parametrize(("group", "name"), [pair for pair in EVERY if pair[0] in WITH_PAPER])
def test_it_names_its_paper_with_an_address(group: str, name: str) -> None:
    text = registry.get(group, name).__doc__ or ""
    assert re.search(r"Papers?: .*?https://\S+", text, re.DOTALL), text


@every_component
def test_it_survives_json(group: str, name: str, example_of: Callable[[str, str], Any]) -> None:
    component = example_of(group, name)
    document = json.loads(json.dumps(to_json(component), allow_nan=False))
    assert document["kind"] == name
    base = next(base for base in type(component).__mro__ if "group" in vars(base))
    assert from_json(document, base) == component
