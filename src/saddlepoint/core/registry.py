"""Finds plug-ins by scanning folders and entry points; a misspelt name gets "did you mean".

Adding a plug-in is one file in the right folder: a frozen dataclass with `@register("name")`.
Third-party code comes in through the entry-point group `saddlepoint.plugins` or `--plugins FILE`.
"""

from __future__ import annotations

import difflib
import importlib
import importlib.metadata
import importlib.util
import pkgutil
import re
import sys
import textwrap
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from saddlepoint.core.errors import InputError
from saddlepoint.core.files import sha256_of
from saddlepoint.core.paths import given_path

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
    "format": "saddlepoint.exporting.formats",
    "claim": "saddlepoint.lab.claims",
}
"""Group -> the package (or module) whose files are scanned for it."""

_classes: dict[str, dict[str, type]] = {group: {} for group in HOMES}
_plugins: dict[Path, str] = {}
_T = TypeVar("_T", bound=type)


def register(name: str) -> Callable[[_T], _T]:
    """Class decorator: makes the class available under `name` in its group.

    Raises:
        InputError: another class has the name already.
    """

    def decorate(cls: _T) -> _T:
        group = cls.group  # type: ignore[attr-defined]  # every contract declares its group
        if not cls.__module__.startswith("saddlepoint."):
            _scan_own(group)  # our names come first, so that a clash is the newcomer's error
        known = _classes[group].get(name)
        if known is not None and not _same_definition(known, cls):
            raise InputError(
                f"{group} {name!r} of {cls.__module__} is already registered by "
                f"{known.__module__}; register yours under another name."
            )
        _classes[group][name] = cls
        cls.kind = name  # type: ignore[attr-defined]  # each group declares it
        return cls

    return decorate


def _same_definition(one: type, other: type) -> bool:
    """True for one class whose module was imported again, as a notebook's cell does."""
    return (one.__module__, one.__qualname__) == (other.__module__, other.__qualname__)


@cache
def _scan_own(group: str) -> None:
    home = importlib.import_module(HOMES[group])
    for module in pkgutil.iter_modules(getattr(home, "__path__", [])):
        importlib.import_module(f"{home.__name__}.{module.name}")


@cache
def _scan(group: str) -> None:
    _scan_own(group)
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
    """The sentence for an unknown name, with the nearest known one."""
    name = name if len(name) <= 80 else f"{name[:77]}..."  # a damaged file's may fill the screen
    known = sorted(known)
    near = difflib.get_close_matches(name, known, n=1)
    listed = textwrap.shorten(", ".join(known), 240, placeholder=" ...")
    hint = f"did you mean {near[0]!r}?" if near else f"known: {listed}."
    return f"Unknown {what} {name!r}; {hint}"


def load_plugin(path: Path) -> None:
    """Import a user's file so that its `@register` lines take effect.

    Raises:
        InputError: no such file, not a Python file, or it fails when it is imported.
    """
    path = given_path(path)
    if not path.is_file() or path.suffix != ".py":
        raise InputError(f"--plugins {path}: no such Python file.")
    path = path.resolve()
    # The whole path is in the name, so that two files called plugin.py are two modules.
    name = "saddlepoint_plugin_" + re.sub(r"\W", "_", str(path.with_suffix("")))
    module_spec = importlib.util.spec_from_file_location(name, path)
    assert module_spec is not None
    assert module_spec.loader is not None
    # dataclasses look a class's module up to resolve its annotations, as they are executed.
    module = sys.modules[name] = importlib.util.module_from_spec(module_spec)
    try:
        module_spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:  # whatever a user's file raises is the file's fault
        del sys.modules[name]
        if isinstance(error, InputError):
            raise
        raise InputError(f"--plugins {path}: {type(error).__name__}: {error}.") from error
    _plugins[path] = sha256_of(path)


def plugins() -> list[dict[str, str]]:
    """The files that were loaded by `load_plugin`, with the sha256 of each."""
    return [{"file": str(path), "sha256": digest} for path, digest in _plugins.items()]
