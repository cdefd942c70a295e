"""From a run back to the commands that make it: the same words a person would have typed."""

from __future__ import annotations

import shlex
from dataclasses import replace
from typing import Any, NamedTuple

from saddlepoint import presets
from saddlepoint.core import registry
from saddlepoint.core.components import SWAPS, with_components
from saddlepoint.core.config import Config
from saddlepoint.core.config_json import from_json, to_json, with_changes
from saddlepoint.core.contracts import Source
from saddlepoint.core.errors import InputError
from saddlepoint.core.flat import flatten
from saddlepoint.core.provenance import read_config
from saddlepoint.core.runs import Run
from saddlepoint.data.resolve import resolve
from saddlepoint.evaluation.scores import newest_scores
from saddlepoint.reporting.facts import as_typed, saddle_command

AGAIN = "again"
"""The folder that the commands make."""
SHORT = {"start.model": "from", "start.freeze_discriminator": "freeze_discriminator"}
"""Field -> the flag by which it is known."""


class Asked(NamedTuple):
    """What a person has to ask for to get a configuration from its preset."""

    components: dict[str, str]
    """A key of `SWAPS` -> registered name."""
    penalties: list[str] | None
    """None: the preset's."""
    changes: dict[str, Any]
    """Dotted path -> value; without the budget."""


def asked_of(config: Config, source: Source) -> Asked:
    """How a configuration differs from its preset on a source.

    Raises:
        InputError: there is no such preset.
    """
    base = presets.preset(config.preset, source)
    kinds = {part: str(getattr(config, part).kind) for part in SWAPS}
    components = {part: kind for part, kind in kinds.items() if kind != getattr(base, part).kind}
    penalties = [str(penalty.kind) for penalty in config.penalties]
    chosen = None if penalties == [one.kind for one in base.penalties] else penalties or ["none"]
    before = flatten(to_json(with_components(base, components, chosen)))
    changes = {
        path: value
        for path, value in flatten(to_json(config)).items()
        if value != before.get(path) and path not in ("train.kimg", "train.minutes")
    }
    return Asked(components, chosen, changes)


def train_words(preset: str, data: str, asked: Asked) -> list[str]:
    """The words after `saddle`, without a budget and a folder."""
    words = ["train", preset, "--data", data]
    for part, kind in asked.components.items():
        words += [f"--{part.replace('_', '-')}", kind]
    words += [] if asked.penalties is None else ["--penalties", *(asked.penalties or ["none"])]
    for path, value in asked.changes.items():
        words += _flag(path, value)
    return words


def commands_again(run: Run) -> dict[str, str]:
    """What makes a run: a key `report.KEY` of the texts -> command; {} where no words can, such as
    for a Config of one's own or data that are gone."""
    try:
        config = _as_begun(run)
        data = getattr(config.source, "path", "") or to_json(config.source)["kind"]
        asked = asked_of(config, resolve(data))
    except InputError:
        return {}
    budgets = run.document["budgets"]
    words = [
        *train_words(config.preset, data, asked),
        "--kimg",
        as_typed_in_full(config.train.kimg),
    ]
    lines = {"train": [*words, "--out", AGAIN]}
    if len(budgets) > 1:
        # Only the last of several extensions counts: a resumed run is what it would have been.
        kimg = as_typed_in_full(budgets[-1]["kimg"])
        lines["extend"] = ["resume", AGAIN, "--kimg", kimg]
    if scores := newest_scores(run):
        protocol = scores[-1]["protocol"]
        if protocol["features"]["kind"] in registry.names("extractor"):
            lines["measure"] = ["evaluate", AGAIN, "--features", protocol["features"]["kind"]]
            lines["measure"] += ["--n", str(protocol["n_fake"]), "--k", str(protocol["k"])]
            lines["measure"] += ["--seed", str(protocol["seed"])]
    return {key: f"{saddle_command()} {shlex.join(words)}" for key, words in lines.items()}


def _as_begun(run: Run) -> Config:
    """The configuration before any treatment and extension."""
    read_config(run)  # refuses what it does not know
    document = run.document
    begun = document["config"]
    for line in reversed(document.get("treatments", [])):
        for path, (before, _) in line["changes"].items():
            *groups, name = path.split(".")
            place = begun
            for group in groups:
                place = place[group]
            place[name] = before
    config = from_json(begun)
    first = document["budgets"][0]["kimg"]
    if len(document["budgets"]) > 1:
        schedule = config.train.schedule_kimg
        changes = {"train.kimg": first}
        # An extension keeps the schedules as the first budget had them.
        changes |= {"train.schedule_kimg": 0.0} if schedule == first else {}
        config = with_changes(config, changes)
    return replace(config, train=replace(config.train, minutes=0.0))


def _flag(path: str, value: Any) -> list[str]:
    flag = SHORT.get(path, path).replace("_", "-")
    if isinstance(value, bool):
        group, _, name = flag.rpartition(".")
        return [f"--{flag}" if value else f"--{group}{'.' if group else ''}no-{name}"]
    return [f"--{flag}", as_typed_in_full(value).replace(", ", ",")]


def as_typed_in_full(value: Any) -> str:
    """As a person types it, with all digits of a number: what runs is what was typed."""
    return repr(value).removesuffix(".0") if isinstance(value, float) else as_typed(value)
