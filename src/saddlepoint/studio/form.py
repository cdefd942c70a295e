"""The form that starts a run: a configuration's fields, and the command that they make."""

from __future__ import annotations

import re
import shlex
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

from saddlepoint.core.errors import InputError
from saddlepoint.core.flat import flatten
from saddlepoint.reporting.facts import as_typed, saddle_command

if TYPE_CHECKING:
    from saddlepoint.core.config import Config

RESOLVED = ("train.device", "train.threads", "train.precision")
"""Fields that a run records as they were decided on its machine."""
OURS = ("preset", "train.minutes", "train.kimg")
"""Fields that the form asks for in its own way, by how their paths begin."""
_ODD = re.compile(r"[^A-Za-z0-9._-]+")
"""What is left out of the name of a folder."""


class Wanted(TypedDict, total=False):
    """What a person has chosen so far; whatever is absent is as the preset has it."""

    preset: str
    data: str
    """A name that is listed; on loopback also a path on this machine."""
    components: dict[str, str]
    """A key of `components.SWAPS` -> registered name."""
    penalties: list[str] | None
    changes: dict[str, Any]
    """Dotted path -> value."""
    minutes: float | None
    kimg: float | None


class Order:
    """What was chosen, checked: a configuration, and the command line that makes it.

    Args:
        runs: the folder in which the run is made.
        paths: whether data may be given by their path.

    Raises:
        InputError: a name that does not exist, or a value out of its range.
    """

    def __init__(self, wanted: Wanted, runs: Path, paths: bool = False) -> None:
        # Configurations need torch, which the page of runs does not wait for.
        from saddlepoint import api
        from saddlepoint.api.again import Asked, train_words
        from saddlepoint.core.components import SWAPS, with_components
        from saddlepoint.core.config_json import to_json, with_changes
        from saddlepoint.training.guards import check_budget

        preset, data = wanted.get("preset") or "dcgan", wanted.get("data") or names_of_data()[0]
        self.own = data not in names_of_data()
        changes = wanted.get("changes", {})
        # Whoever comes over the network must not learn which files this machine has.
        if not paths and (self.own or any(path.startswith("source") for path in changes)):
            raise InputError(f"{data!r} as it is listed is the only data that can be chosen here.")
        if not paths and any(path.startswith("start") for path in changes):
            raise InputError("A model to start from can be named on this machine only.")
        self._paths = paths
        if self.own and not data.startswith(("/", "~")):
            raise InputError(
                f"{data!r} is not one of the data sets that are listed; for your own, give the "
                "whole path, such as ~/photos."
            )
        components, penalties = wanted.get("components", {}), wanted.get("penalties")
        if unknown := sorted(components.keys() - SWAPS.keys()):
            raise InputError(f"The components have an unknown field {unknown[0]!r}.")
        self.base = with_components(api.configure(preset, data), components, penalties)
        self.config = with_changes(self.base, changes)
        if self.own:  # as `saddle train` looks at it: whether it is there, and what kind it is
            data = str(getattr(self.base.source, "path", data))
        minutes, kimg = wanted.get("minutes"), wanted.get("kimg")
        check_budget(kimg, minutes)
        named = _ODD.sub("-", Path(data).stem)[:60] if self.own else data
        self.name = free_name(runs, f"{preset}-{named}")
        before = flatten(to_json(self.base))
        after = flatten(to_json(self.config)).items()
        changes = {path: value for path, value in after if value != before.get(path)}
        self.argv = train_words(preset, data, Asked(components, penalties, changes))
        self.argv += [] if minutes is None else ["--minutes", as_typed(minutes)]
        self.argv += [] if kimg is None else ["--kimg", as_typed(kimg)]
        self.argv += ["--out", str(runs / self.name)]

    @property
    def command(self) -> str:
        """As a person types it."""
        return f"{saddle_command()} {shlex.join(self.argv)}"

    def fields(self) -> list[dict[str, Any]]:
        """Every field of the configuration, and its value before the changes."""
        from saddlepoint.core.fields import fields_of

        usual = {field.path: field.value for field in fields_of(self.base)}
        # How images are read matters only where they are the user's own.
        ours = (
            *OURS,
            "source.path" if self.own else "source",
            *(() if self._paths else ("start",)),
        )
        return [
            {**asdict(field), "usual": usual.get(field.path)}
            for field in fields_of(self.config)
            # Without penalties their list is a field of its own; they are chosen by name.
            if not field.path.startswith(ours) and field.path != "penalties"
        ]

    def components(self) -> dict[str, dict[str, Any]]:
        """Component -> its name and those that it can be replaced by."""
        from saddlepoint.core import registry
        from saddlepoint.core.components import SWAPS

        return {
            part: {"kind": getattr(self.config, part).kind, "choices": registry.names(group)}
            for part, group in SWAPS.items()
        }

    def penalties(self) -> dict[str, Any]:
        """The penalties, and all that there are."""
        from saddlepoint.core import registry

        chosen = [penalty.kind for penalty in self.config.penalties]
        return {"chosen": chosen, "choices": registry.names("penalty")}


def presets() -> list[dict[str, Any]]:
    """Every preset with a line about it."""
    from saddlepoint.presets import PRESETS

    return [
        {"name": name, "about": (make.__doc__ or "").partition("\n")[0]}
        for name, make in PRESETS.items()
    ]


def data_sets() -> list[dict[str, Any]]:
    """Every data set that has a name: the one that `saddle train` takes by default, then those that
    are on this machine."""
    from saddlepoint.data.resolve import available, first_data_set

    rows = [
        {"name": row.name, "about": row.description, "here": row.where is not None}
        for row in available()
    ]
    first = first_data_set()
    return sorted(rows, key=lambda row: (row["name"] != first, not row["here"]))


def names_of_data() -> list[str]:
    """The names of `data_sets`."""
    return [row["name"] for row in data_sets()]


def free_name(runs: Path, start: str) -> str:
    """`start-001`, or the next number for which there is no folder yet."""
    number = 1
    while (runs / f"{start}-{number:03d}").exists():
        number += 1
    return f"{start}-{number:03d}"


def wanted_of(config: Config) -> Wanted | None:
    """What has to be chosen in the form to get this configuration; None where it cannot be."""
    from saddlepoint import presets
    from saddlepoint.api.again import asked_of
    from saddlepoint.core.config_json import to_json
    from saddlepoint.data.resolve import resolve

    source = to_json(config.source)
    # Data without a name are given by their path.
    data = source["kind"] if source["kind"] in names_of_data() else source.get("path", "")
    if config.preset not in presets.PRESETS or not data:
        return None
    asked = asked_of(config, resolve(data))
    # What the machine decided is decided again.
    changes = {path: value for path, value in asked.changes.items() if path not in RESOLVED}
    wanted: Wanted = {"preset": config.preset, "data": data, "components": asked.components}
    wanted |= {"changes": changes, "kimg": config.train.kimg}
    return wanted if asked.penalties is None else {**wanted, "penalties": asked.penalties}
