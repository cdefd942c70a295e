"""A run that was stopped and went on is in the end the run that was never stopped."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CLOCKED = {"seconds", "images_per_second", "memory_mb", "core_queue"}
"""Columns of metrics that tell about the machine; the configuration decides all others."""
Row = dict[str, Any]


@dataclass(frozen=True)
class RunEnd:
    """What a run has come to."""

    images: int
    weights: dict[str, str]
    """File of the last checkpoint -> sha256."""
    rows: list[Row]
    """metrics.jsonl without the columns of the clock."""


def end_of(run: Path) -> RunEnd | None:
    """None where there is no checkpoint."""
    checkpoints = sorted((run / "checkpoints").glob("[0-9]*"))
    if not checkpoints:
        return None
    files = sorted(checkpoints[-1].glob("*.safetensors"))
    lines = (run / "metrics.jsonl").read_text().splitlines()
    rows = [
        {name: value for name, value in json.loads(line).items() if name not in CLOCKED}
        for line in lines
    ]
    return RunEnd(
        images=json.loads((checkpoints[-1] / "state.json").read_text())["n_images"],
        weights={file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files},
        rows=rows,
    )


def differences(run: RunEnd | None, unstopped: RunEnd) -> Iterator[str]:
    """What a stop has changed, in a few words that are equal for equal causes."""
    if run is None or run.images != unstopped.images:
        yield "is over before its end"
        return
    weights = {*run.weights, *unstopped.weights}
    changed = sorted(n for n in weights if run.weights.get(n) != unstopped.weights.get(n))
    if changed:
        yield f"other weights: {', '.join(changed)}"
    images, usual = ([row["images"] for row in one.rows] for one in (run, unstopped))
    if images != usual:
        what = (
            "more" if len(images) > len(usual) else "fewer" if len(images) < len(usual) else "other"
        )
        yield f"{what} rows of metrics"
        return
    columns = {
        name
        for row, other in zip(run.rows, unstopped.rows, strict=True)
        for name in {*row, *other}
        if row.get(name, ...) != other.get(name, ...)
    }
    if columns:
        yield f"other columns: {', '.join(sorted(columns)[:4])}"
