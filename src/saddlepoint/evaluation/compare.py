"""Runs side by side: numbers of one protocol, spread over seeds, and what differs. No torch."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import Any, NamedTuple

import numpy as np

from saddlepoint.core.errors import InputError
from saddlepoint.core.flat import flatten
from saddlepoint.core.json_files import dumps
from saddlepoint.core.runs import Run
from saddlepoint.evaluation.scores import newest_scores

NOT_A_DIFFERENCE = ("seed", "preset", "train.device", "train.threads")
"""Fields in which runs of the same model may differ."""


def compare_runs(runs: Sequence[Run]) -> dict[str, Any]:
    """One row for all runs that differ only by seed: median, least and greatest of each number.

    Returns:
        {"protocol", "rows": [{"name", "runs", "seeds", "kimg", "steps", "seconds", "parameters",
        "values": {number: {"median", "least", "greatest", "each", "intervals"}}}], "differences":
        {field: {row name: value}}, "unscored": [run]}. A run without scores is told by its last
        line of history; `protocol` is {} where no run has any.

    Raises:
        InputError: no runs.
        DifferentProtocols: there is none that all runs with scores share.
    """
    if not runs:
        raise InputError("No runs were given; name at least one run folder.")
    # By protocol, the newest last.
    scores = [{s["protocol_sha256"]: s for s in newest_scores(run)} for run in runs]
    measured = {run: found for run, found in zip(runs, scores, strict=True) if found}
    protocol = _shared_protocol([*measured], [*measured.values()]) if measured else ""
    configs = [_configuration(run) for run in runs]
    differing = _differing(configs)
    groups: dict[str, list[Compared]] = {}
    for run, config, found in zip(runs, configs, scores, strict=True):
        # Runs that differ by nothing but what NOT_A_DIFFERENCE names are seeds of one model.
        identity = dumps({field: config.get(field) for field in differing}, sort_keys=True)
        one = Compared(run, config, found.get(protocol))
        groups.setdefault(identity, []).append(one)
    names = _names([group[0] for group in groups.values()], differing)
    rows, differences = [], {field: {} for field in differing}
    for name, group in zip(names, groups.values(), strict=True):
        rows.append(
            {
                "name": name,
                "runs": [str(one.run.path) for one in group],
                "seeds": [one.config.get("seed") for one in group],
                "kimg": [_kimg(one) for one in group],
                "steps": [_at_score(one, "step") for one in group],
                "seconds": [_at_score(one, "seconds") for one in group],
                "parameters": group[0].run.document.get("parameters", {}),
                "values": _over_seeds([one.score for one in group if one.score]),
            }
        )
        for field in differing:
            differences[field][name] = group[0].config.get(field)
    return {
        "protocol": next((found[protocol]["protocol"] for found in measured.values()), {}),
        "rows": rows,
        "differences": differences,
        "unscored": [str(run.path) for run in runs if run not in measured],
    }


def differences_of(runs: Sequence[Run]) -> dict[str, list[Any]]:
    """Field -> its value in each run, of the fields in which the models differ; needs no scores."""
    configs = [_configuration(run) for run in runs]
    return {field: [config.get(field) for config in configs] for field in _differing(configs)}


class DifferentProtocols(InputError):
    """Numbers that cannot be compared; `one` and `other` differ in `fields`."""

    def __init__(self, one: Run, other: Run, fields: list[str]) -> None:
        super().__init__(
            f"{one.path} and {other.path} were measured by different protocols (they differ in "
            f"{', '.join(fields)}), so their numbers cannot be compared; evaluate both in the same "
            "way."
        )
        self.one, self.other, self.fields = one, other, fields


class Compared(NamedTuple):
    """A run, its flat configuration, and its score by the protocol that all runs share; None
    without scores."""

    run: Run
    config: dict[str, Any]
    score: dict[str, Any] | None


def _kimg(one: Compared) -> float | None:
    images = one.score["fake"]["trained_images"] if one.score else _at_score(one, "images")
    return None if images is None else images / 1000


def _at_score(one: Compared, column: str) -> float | None:
    """A column of the history when the scored checkpoint was written, or at its end; None where it
    is absent."""
    history = one.run.history
    known = np.isfinite(history[column])
    if one.score:
        known &= history["images"] <= one.score["fake"]["trained_images"]
    return float(history[column][known][-1]) if known.any() else None


def _configuration(run: Run) -> dict[str, Any]:
    """The fields of a run's configuration; of a time budget the minutes alone."""
    config = flatten(run.document.get("config", {}))
    if config.get("train.minutes"):
        config.pop("train.kimg", None)  # how many images that were depends on the machine
    return config


def protocol_differences(one: dict[str, Any], other: dict[str, Any]) -> list[str]:
    """Dotted names of the fields in which two protocols differ."""
    a, b = flatten(one), flatten(other)
    return [name for name in dict.fromkeys((*a, *b)) if a.get(name) != b.get(name)]


def _shared_protocol(runs: Sequence[Run], scores: list[dict[str, dict[str, Any]]]) -> str:
    """The newest protocol by which every run was measured."""
    # Newest first: a later evaluation is the one that was meant.
    for protocol in reversed(scores[0]):
        if all(protocol in found for found in scores):
            return protocol
    # Nothing is shared, so some run's newest protocol is not that of the first run.
    newest = [next(reversed(found.values())) for found in scores]
    run, other = next(
        (run, score)
        for run, score in zip(runs, newest, strict=True)
        if score["protocol_sha256"] != newest[0]["protocol_sha256"]
    )
    fields = protocol_differences(newest[0]["protocol"], other["protocol"])
    raise DifferentProtocols(runs[0], run, fields)


def _differing(configs: list[dict[str, Any]]) -> list[str]:
    names = dict.fromkeys(name for config in configs for name in config)
    return [
        name
        for name in names
        if name not in NOT_A_DIFFERENCE
        and len({dumps(config.get(name), sort_keys=True) for config in configs}) > 1
    ]


def _names(first: list[Compared], differing: list[str]) -> list[str]:
    """Names of the rows: the preset, with the differing fields if rows share a preset."""
    presets = [str(one.config.get("preset") or one.run.path.name) for one in first]
    names = []
    for one, preset in zip(first, presets, strict=True):
        if presets.count(preset) > 1:
            parts = [f"{field}={one.config.get(field)}" for field in differing]
            preset = f"{preset} ({', '.join(parts)})" if len(parts) <= 3 else one.run.path.name
        names.append(preset)
    unique = len(set(names)) == len(names)
    return names if unique else [str(one.run.path) for one in first]


def _over_seeds(scores: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    found = {}
    for name in scores[0]["values"] if scores else ():
        if any(name not in score["values"] for score in scores):
            continue
        each = [score["values"][name]["value"] for score in scores]
        found[name] = {
            "median": median(each),
            "least": min(each),
            "greatest": max(each),
            "each": each,
            "intervals": [score["values"][name]["interval"] for score in scores],
        }
    return found
