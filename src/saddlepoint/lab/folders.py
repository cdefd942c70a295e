"""What the labs share: a folder that belongs to one lab, and runs that the same command goes on."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from saddlepoint import api
from saddlepoint.core.errors import InputError
from saddlepoint.core.files import write_json
from saddlepoint.core.runs import Run


def claim(out: Path, settings: dict[str, Any]) -> None:
    """lab.json keeps two labs of other settings out of one folder.

    Raises:
        InputError: `out` holds something else, or cannot be written.
    """
    file = out / "lab.json"
    if not file.is_file():
        if out.exists() and any(out.iterdir()):
            raise InputError(f"--out {out} exists and holds no lab; choose another folder.")
        try:
            out.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(
                f"--out {out} cannot be written ({error.strerror}); choose another folder."
            ) from error
        write_json(file, settings)
        return
    before = json.loads(file.read_text())
    changed = [name for name, value in settings.items() if before.get(name) != value]
    if changed:
        was = ", ".join(f"{name}={before.get(name)}" for name in changed)
        raise InputError(f"--out {out} holds a lab with {was}; use the same or another folder.")


def train_once(folder: Path, train: Callable[[], object], quiet: bool) -> None:
    """Train what an earlier call has not finished: from the start, or from where it was killed."""
    run = Run(folder)
    if run.status.get("state") == "finished":
        return
    if run.checkpoints:
        api.resume(folder, quiet=quiet)
        return
    shutil.rmtree(folder, ignore_errors=True)  # killed before its first checkpoint
    train()
