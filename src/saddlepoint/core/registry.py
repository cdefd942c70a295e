"""Finds plug-ins by scanning folders and entry points; a name that is off gets "did you mean".

Adding a plug-in is one file in the right folder: a frozen dataclass with `@register("name")`.
Third-party code comes in by the entry-point group `saddlepoint.plugins` or `--plugins file.py`.
"""

from __future__ import annotations

import difflib
import importlib
import importlib.metadata
import importlib.util
import pkgutil
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from saddlepoint.core.errors import InputError

HOMES = {
    "source": "saddlepoint.data.sources",
    "architecture": "saddlepoint.architectures",
    "loss": "saddlepoint.losses",
    "penalty": "saddlepoint.losses",
    "optimizer": "saddlepoint.training.optimizers",
    "extractor": "saddlepoint.evaluation.extractors",
    "metric": "saddlepoint.evaluation.metrics",
    "detector": "saddlepoint.diagnosis.detectors",
    "remedy": "saddlepoint.diagnosis.remedies",
}
"""Group -> the package (or module) whose files are scanned for it."""

_classes: dict[str, dict[str, type]] = {group: {} for group in HOMES}
_T = TypeVar("_T", bound=type)


def register(name: str) -> Callable[[_T], _T]:
    """Class decorator: makes the class available under `name` in its group."""

    def decorate(cls: _T) -> _T:
        group = cls.group  # type: ignore[attr-defined]  # every contract declares its group
        known = _classes[group].get(name)
        if known is not None and known.__qualname__ != cls.__qualname__:
            raise InputError(f"{group} {name!r} is already registered by {known.__module__}.")
        _classes[group][name] = cls
        cls.kind = name  # type: ignore[attr-defined]  # each group declares it
        return cls

    return decorate


@cache
def _scan(group: str) -> None:
    home = importlib.import_module(HOMES[group])
    for module in pkgutil.iter_modules(getattr(home, "__path__", [])):
        importlib.import_module(f"{home.__name__}.{module.name}")
    for entry_point in importlib.metadata.entry_points(group="saddlepoint.plugins"):
        entry_point.load()


def names(group: str) -> list[str]:
    """All registered names of a group, sorted."""
    _scan(group)
    return sorted(_classes[group])


def get(group: str, name: str) -> type[Any]:
    """The class registered under `name`.

    Raises:
        InputError: unknown name; the sentence suggests the nearest one.
    """
    _scan(group)
    if name not in _classes[group]:
        raise InputError(unknown(group, name, _classes[group]))
    return _classes[group][name]


def unknown(what: str, name: str, known: Iterable[str]) -> str:
    """The sentence for a name that nobody knows."""
    known = sorted(known)
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known)}."
    return f"Unknown {what} {name!r}; {hint}"


def load_plugin(path: Path) -> None:
    """Import a user's file so that its `@register` lines take effect.

    Raises:
        InputError: no such file, not a Python file, or it fails when it is imported.
    """
    if not path.is_file() or path.suffix != ".py":
        raise InputError(f"--plugins {path}: no such Python file.")
    module_spec = importlib.util.spec_from_file_location(f"saddlepoint_plugin_{path.stem}", path)
    assert module_spec is not None
    assert module_spec.loader is not None
    try:
        module_spec.loader.exec_module(importlib.util.module_from_spec(module_spec))
    except InputError:
        raise
    except Exception as error:  # whatever a user's file may raise is the file's fault
        raise InputError(f"--plugins {path}: {type(error).__name__}: {error}.") from error
