"""Everything in a run folder that a stop, a kill and a resume must not change."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from saddlepoint.core.files import sha256_of
from saddlepoint.core.json_files import read_json
from saddlepoint.core.runs import Run

CLOCKED = {"seconds", "images_per_second", "memory_mb", "core_queue"}
"""Columns of metrics that a clock or the machine decides."""
STARTED = {"created", "budgets", "expected", "versions", "resolved", "git_commit"}
"""Fields of config.json about when and where the run was started."""


def contents(path: Path) -> dict[str, Any]:
    """Part -> what it holds; of files, name -> sha256."""
    run = Run(path)
    files = {
        str(file.relative_to(path)): sha256_of(file)
        for pattern in ("checkpoints/*/*.safetensors", "samples/**/*.png")
        for file in sorted(path.glob(pattern))
    }
    return {
        "state": {name: run.status.get(name) for name in ("state", "n_images", "findings")},
        "rows": [without(CLOCKED, row) for row in run.history.rows],
        "findings": run.findings,
        "document": without(STARTED, run.document),
        "weights": {name: hash for name, hash in files.items() if "checkpoints" in name},
        "pictures": {name: hash for name, hash in files.items() if "samples" in name},
        "states": [without({"sha256"}, read_json(f / "state.json")) for f in run.checkpoints],
        "report": (path / "report.html").is_file(),
        "leftovers": [str(file.relative_to(path)) for file in path.rglob(".*")],
    }


def differing(found: dict[str, Any], expected: dict[str, Any]) -> list[str]:
    """Parts that are not equal."""
    return [part for part, value in expected.items() if found[part] != value]


def without(names: set[str], document: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in document.items() if name not in names}
