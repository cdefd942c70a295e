"""Runs side by side: numbers of one protocol, spread over seeds, and what differs. No torch."""

from __future__ import annotations

import json
from collections.abc import Sequence
from statistics import median
from typing import Any

from saddlepoint.core.errors import InputError
from saddlepoint.core.flat import flatten
from saddlepoint.core.runs import Run
from saddlepoint.evaluation.scores import newest_scores

NOT_A_DIFFERENCE = ("seed", "preset", "train.device", "train.threads")
"""Fields in which runs of the same model may differ."""


def compare_runs(runs: Sequence[Run]) -> dict[str, Any]:
    """One row for all runs that differ only by seed: median, least and greatest of each number.

    Returns:
        {"protocol", "rows": [{"name", "runs", "seeds", "kimg", "values": {number: {"median",
        "least", "greatest", "each", "intervals"}}}], "differences": {field: {row name: value}}}.

    Raises:
        InputError: a run without scores, or no protocol that all runs share; says what differs.
    """
    if not runs:
        raise InputError("No runs were given; name at least one run folder.")
    scores = {str(run.path): newest_scores(run) for run in runs}
    for path, found in scores.items():
        if not found:
            raise InputError(f"{path} has no scores yet; run `saddle evaluate {path}` first.")
    protocol = _shared_protocol(scores)
    groups: dict[str, list[Run]] = {}
    flat = {str(run.path): _configuration(run) for run in runs}
    for run in runs:
        groups.setdefault(_identity(flat[str(run.path)]), []).append(run)
    differing = _differing(list(flat.values()))
    names = _names([group[0] for group in groups.values()], flat, differing)
    rows, differences = [], {field: {} for field in differing}
    for name, group in zip(names, groups.values(), strict=True):
        chosen = [_of_protocol(scores[str(run.path)], protocol) for run in group]
        rows.append(
            {
                "name": name,
                "runs": [str(run.path) for run in group],
                "seeds": [flat[str(run.path)].get("seed") for run in group],
                "kimg": [score["fake"]["trained_images"] / 1000 for score in chosen],
                "values": _over_seeds(chosen),
            }
        )
        for field in differing:
            differences[field][name] = flat[str(group[0].path)].get(field)
    document = _of_protocol(next(iter(scores.values())), protocol)
    return {"protocol": document["protocol"], "rows": rows, "differences": differences}


def _configuration(run: Run) -> dict[str, Any]:
    """The fields of a run's configuration; of a time budget the minutes alone."""
    config = flatten(run.document["config"])
    if config.get("train.minutes"):
        del config["train.kimg"]  # how many images that were depends on the machine
    return config


def protocol_differences(one: dict[str, Any], other: dict[str, Any]) -> list[str]:
    """Dotted names of the fields in which two protocols differ."""
    a, b = flatten(one), flatten(other)
    return [name for name in dict.fromkeys((*a, *b)) if a.get(name) != b.get(name)]


def _shared_protocol(scores: dict[str, list[dict[str, Any]]]) -> str:
    """The newest protocol by which every run was measured."""
    first_path, first = next(iter(scores.items()))
    # Newest first: a later evaluation is the one that was meant.
    for candidate in reversed(first):
        wanted = candidate["protocol_sha256"]
        if all(any(s["protocol_sha256"] == wanted for s in found) for found in scores.values()):
            return wanted
    for path, found in scores.items():
        fields = protocol_differences(first[-1]["protocol"], found[-1]["protocol"])
        if fields:
            raise InputError(
                f"{first_path} and {path} were measured by different protocols (they differ in "
                f"{', '.join(fields)}), so their numbers cannot be compared; evaluate both in the "
                "same way."
            )
    raise InputError(
        f"No protocol is shared by all {len(scores)} runs; evaluate them in the same way."
    )


def _of_protocol(scores: list[dict[str, Any]], protocol: str) -> dict[str, Any]:
    return next(score for score in scores if score["protocol_sha256"] == protocol)


def _identity(config: dict[str, Any]) -> str:
    kept = {name: value for name, value in config.items() if name not in NOT_A_DIFFERENCE}
    return json.dumps(kept, sort_keys=True)


def _differing(configs: list[dict[str, Any]]) -> list[str]:
    names = dict.fromkeys(name for config in configs for name in config)
    return [
        name
        for name in names
        if name not in NOT_A_DIFFERENCE
        and len({json.dumps(config.get(name), sort_keys=True) for config in configs}) > 1
    ]


def _names(runs: list[Run], flat: dict[str, dict[str, Any]], differing: list[str]) -> list[str]:
    """Names of the rows: the preset, with the differing fields if rows share a preset."""
    presets = [str(flat[str(run.path)].get("preset") or run.path.name) for run in runs]
    names = []
    for run, preset in zip(runs, presets, strict=True):
        config = flat[str(run.path)]
        if presets.count(preset) > 1:
            parts = [f"{field}={config.get(field)}" for field in differing]
            preset = f"{preset} ({', '.join(parts)})" if len(parts) <= 3 else run.path.name
        names.append(preset)
    if len(set(names)) < len(names):
        return [str(run.path) for run in runs]
    return names


def _over_seeds(scores: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    found = {}
    for name in scores[0]["values"]:
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
