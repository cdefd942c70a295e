"""A case as plain data, and the one function that draws it: (seed, index) -> Case."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from random import Random
from typing import Any, NamedTuple

Step = dict[str, Any]
"""One change of the world, {"do": "flip", "path": "run/config.json", "at": 0.4}: the name of a
function in `damage` or its neighbours, and its arguments."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """One command line in one damaged world, and what it may do there."""

    category: str = ""
    argv: tuple[str, ...]
    damage: tuple[Step, ...] = ()
    """Done to the world before the command starts, in this order."""
    writes: tuple[str, ...] = ()
    """Existing paths below the world that the command may change; new files are never a harm."""
    codes: tuple[int, ...] = ()
    """Exit codes that are right; empty: those that the verb documents."""
    says: str = ""
    """What stderr must contain where the exit code is 0."""
    stdin: str = "null"
    """null, closed."""
    stdout: str = "file"
    """file, pty, full (/dev/full), closed, or pipe:N (its reader leaves after N bytes)."""
    stderr: str = "file"
    """As stdout, or `same` for 2>&1."""
    environment: Mapping[str, str | None] = field(default_factory=dict)
    """Over the usual one; None removes a variable."""
    limits: Mapping[str, int] = field(default_factory=dict)
    """Names of `resource.RLIMIT_*` without the prefix; AS is what may be added to the start."""
    fault: Step | None = None
    """What happens inside the process: a signal, an error or a clock jump at the n-th event."""
    work: float = 0.0
    """Processor seconds of honest work, where that is more than the verb usually has."""
    user: bool = False
    """Run as an unprivileged user who owns the world."""
    then: tuple[tuple[str, ...], ...] = ()
    """Commands that a person could go on with; one of them must end well."""

    @property
    def verb(self) -> str:
        words = [word for word in self.argv[:2] if not word.startswith("-")]
        group = words[:1] in (["data"], ["lab"])
        return " ".join(words[: 2 if group else 1]) or "saddle"

    @property
    def as_json(self) -> bool:
        """Whether the last word about it asks for a JSON document."""
        said = [word for word in self.argv if word in ("--json", "--no-json")]
        return said[-1:] == ["--json"]

    def to_json(self) -> dict[str, Any]:
        """Only what differs from the defaults, so that a failing case is short to read."""
        usual = asdict(Case(argv=()))
        return {name: value for name, value in asdict(self).items() if value != usual[name]}

    def __str__(self) -> str:
        return json.dumps(self.to_json())


class Category(NamedTuple):
    name: str
    weight: float
    make: Callable[[Random], Case]


CATEGORIES: dict[str, Category] = {}


def category(
    name: str, weight: float
) -> Callable[[Callable[[Random], Case]], Callable[[Random], Case]]:
    """Register a function that draws cases; of all cases, `weight` in the sum of weights."""

    def register(make: Callable[[Random], Case]) -> Callable[[Random], Case]:
        CATEGORIES[name] = Category(name, weight, make)
        return make

    return register


def make_case(seed: int, index: int) -> Case:
    """The case of this number: nothing else decides it, so that it can be played again."""
    draw, kind = _begin(seed, index)
    return replace(kind.make(draw), category=kind.name)


def category_of(seed: int, index: int) -> str:
    """The category of a case without drawing the rest of it."""
    return _begin(seed, index)[1].name


def _begin(seed: int, index: int) -> tuple[Random, Category]:
    draw = Random(f"saddle {seed} {index}")
    kinds = list(CATEGORIES.values())
    return draw, draw.choices(kinds, [kind.weight for kind in kinds])[0]


def shrunk(case: Case, fails: Callable[[Case], bool]) -> Case:
    """The case with every part left out that the failure does not need."""
    changed = True
    while changed:
        changed = False
        for smaller in _smaller(case):
            if fails(smaller):
                case, changed = smaller, True
                break
    return case


def _smaller(case: Case) -> list[Case]:
    """The case without one of its parts, for each part."""
    without = [
        replace(case, damage=case.damage[:i] + case.damage[i + 1 :])
        for i in range(len(case.damage))
    ]
    usual = Case(argv=case.argv)
    for name in ("stdin", "stdout", "stderr", "environment", "limits", "fault", "user"):
        if getattr(case, name) != getattr(usual, name):
            without.append(replace(case, **{name: getattr(usual, name)}))
    argv = case.argv
    for i, word in enumerate(argv):
        if i > 0 and word.startswith("--"):
            end = i + 1 if "=" in word or argv[i + 1 : i + 2] == () else i + 2
            if argv[i + 1 : i + 2] and argv[i + 1].startswith("--"):
                end = i + 1
            without.append(replace(case, argv=argv[:i] + argv[end:]))
    return without
