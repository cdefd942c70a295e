"""What a sweep varies: `FIELD=VALUES` -> choices and ranges, and one of each -> a configuration."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from saddlepoint.core import registry
from saddlepoint.core.components import SWAPS, with_components
from saddlepoint.core.config import Config
from saddlepoint.core.config_json import to_json, with_changes
from saddlepoint.core.errors import InputError
from saddlepoint.core.flat import flatten
from saddlepoint.core.values import as_word, number, whole_number

MOST = 10_000
"""Settings of a sweep; each is a training."""
_ELSEWHERE = {
    "seed": "--seeds says it",
    "preset": "it is the first word of the command",
    "source": "scores on different data cannot be compared",
    "scoring": "every trial has to be scored alike, as --objective says",
    "train.minutes": "every trial has the same budget",
}
"""Field, or group of fields -> why a sweep does not vary it."""

Settings = dict[str, Any]
"""Dotted path of a field -> its value as in JSON: what tells one trial from another."""


@dataclass(frozen=True)
class Choices:
    """Values that are listed."""

    values: tuple[Any, ...]

    def __str__(self) -> str:
        """As it is given to --over."""
        return ",".join(map(as_word, self.values))


@dataclass(frozen=True)
class Range:
    """Numbers between two ends, both included."""

    low: float
    high: float
    log: bool = False
    """Whether each power of ten gets as many trials as the next."""
    whole: bool = False

    def __str__(self) -> str:
        """As it is given to --over."""
        return f"{as_word(self.low)}:{as_word(self.high)}{':log' if self.log else ''}"

    def nearest(self, value: float) -> float:
        """A number of the range in four digits: what a command can show is what is trained."""
        if self.whole:
            return round(value)
        return min(max(float(f"{value:.4g}"), self.low), self.high)


Space = dict[str, Choices | Range]


def space_of(over: Mapping[str, str | Sequence[Any]], base: Config) -> Space:
    """Field -> what a sweep takes for it.

    Args:
        over: field -> `A,B,C`, `LOW:HIGH`, `LOW:HIGH:log`, or a list of values. A value that is a
            list itself joins its items by `+`.
        base: the configuration that the trials have in common.

    Raises:
        InputError: a field that does not exist or is not a sweep's to vary, no values, a value of
            a wrong type, or a range that is none.
    """
    space: Space = {}
    now = flatten(to_json(base))
    for name, given in over.items():
        path = name.strip().replace("-", "_")
        if path.removesuffix(".kind") in SWAPS:
            path = path.removesuffix(".kind")
        _require_field(path, now)
        if path in space:
            raise InputError(f"--over {path} is given twice; give all its values at once.")
        values = _read(path, given, _now(path, now)) if isinstance(given, str) else _listed(given)
        if isinstance(values, Range):
            space[path] = values
            continue
        if not values:
            raise InputError(f"--over {path} has no values; write {path}=A,B or {path}=LOW:HIGH.")
        for value in values:
            if values.count(value) > 1:
                raise InputError(f"--over {path}: {as_word(value)} is given twice.")
        space[path] = Choices(tuple(values))
    return space


def settings_of(space: Space) -> Iterator[Settings]:
    """All settings of a space of choices; the last field changes fastest."""
    values = [one.values for one in space.values() if isinstance(one, Choices)]
    for chosen in itertools.product(*values):
        yield dict(zip(space, chosen, strict=True))


def size_of(space: Space) -> int | None:
    """How many settings there are; None for a range, which has no end of them."""
    if any(isinstance(one, Range) for one in space.values()):
        return None
    return math.prod(len(one.values) for one in space.values() if isinstance(one, Choices))


def corners(space: Space) -> Iterator[Settings]:
    """The settings whose ranges are at an end: where all of these can be trained, so can the
    others."""
    ends: Space = {
        path: Choices((one.low, one.high)) if isinstance(one, Range) else one
        for path, one in space.items()
    }
    return settings_of(ends)


def configuration(base: Config, settings: Settings, seed: int) -> Config:
    """The configuration of one trial with one seed.

    Raises:
        InputError: the settings do not go together, or a value is out of range.
    """
    # Another component comes with its own defaults; the one that is there keeps what was asked for.
    kinds = {
        part: str(settings[part])
        for part in SWAPS
        if part in settings and settings[part] != getattr(base, part).kind
    }
    penalties = settings.get("penalties")
    if penalties is not None:
        penalties = penalties if isinstance(penalties, list) else [penalties]
    fields = {p: v for p, v in settings.items() if p not in SWAPS and p != "penalties"}
    try:
        return with_changes(with_components(base, kinds, penalties), {**fields, "seed": seed})
    except InputError as error:
        raise InputError(f"--over {described(settings)}: {error}") from error


def described(settings: Settings) -> str:
    """`optim_g.lr=0.0002, loss=hinge`."""
    return ", ".join(f"{path}={as_word(value)}" for path, value in settings.items())


def _require_field(path: str, now: Mapping[str, Any]) -> None:
    for field, why in _ELSEWHERE.items():
        if path == field or path.startswith(f"{field}."):
            raise InputError(f"--over {path}: a sweep does not vary it, because {why}.")
    known = [*now, *SWAPS, "penalties"]
    # A field of a component that another --over brings in is looked for when they are together.
    if path not in known and path.partition(".")[0] not in (*SWAPS, "penalties"):
        raise InputError(registry.unknown("config field", path, known))


def _now(path: str, now: Mapping[str, Any]) -> Any:
    """What the field has in the base: its type says how words are read."""
    if path in SWAPS:
        return ""
    return [""] if path == "penalties" else now.get(path)


def _listed(given: Sequence[Any]) -> list[Any]:
    return [to_json(value) for value in given]


def _read(path: str, text: str, now: Any) -> list[Any] | Range:
    """`text` as it stands after `FIELD=` on the command line."""
    parts = text.split(":")
    if len(parts) > 1 and not isinstance(now, str):
        return _range(path, text, parts, now)
    words = [word.strip() for word in text.split(",")]
    if text.strip() and "" in words:
        raise InputError(f"--over {path}={text}: a value is missing; write {path}=A,B.")
    return [_value(word, now) for word in words if word]


def _value(word: str, now: Any) -> Any:
    if isinstance(now, list):
        item = now[0] if now else 0
        return [_value(part, item) for part in word.split("+")]
    if isinstance(now, str):
        return word
    if word in ("true", "false"):
        return word == "true"
    for read in (whole_number, number):
        with suppress(ValueError):
            return read(word)
    return word  # the check of the field says what it has to be


def _range(path: str, text: str, parts: list[str], now: Any) -> Range:
    where = f"--over {path}={text}"
    if isinstance(now, bool | list):
        raise InputError(f"{where}: this field has no ranges; list its values: {path}=A,B.")
    scale = parts[2] if len(parts) == 3 else "linear"
    try:
        low, high = number(parts[0]), number(parts[1])
        if len(parts) > 3 or scale not in ("linear", "log"):
            raise ValueError("takes LOW:HIGH or LOW:HIGH:log")
        whole = isinstance(now, int)
        if whole:
            low, high = whole_number(parts[0]), whole_number(parts[1])
    except ValueError as error:
        raise InputError(f"{where} {error}.") from None
    if low >= high:
        raise InputError(f"{where}: the range runs backwards or is empty; write LOW:HIGH.")
    if scale == "log" and low <= 0:
        raise InputError(f"{where}: a logarithmic range begins above 0.")
    return Range(low, high, log=scale == "log", whole=whole)
