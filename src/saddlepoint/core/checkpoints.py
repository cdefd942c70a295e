"""state.json of a checkpoint, which vouches for itself and for the files beside it. No torch in
here."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from saddlepoint.core.checks import Newer, refuse_newer
from saddlepoint.core.documents import State
from saddlepoint.core.errors import InputError
from saddlepoint.core.files import sha256_of
from saddlepoint.core.json_files import read_json, sha256_of_json, write_json
from saddlepoint.core.limits import available_memory
from saddlepoint.core.reading import require_regular
from saddlepoint.core.runs import Run
from saddlepoint.core.shapes import shaped
from saddlepoint.core.snapshot_names import snapshot_name

SCHEMA = 2
"""1 had no sha256 of state.json itself."""
EMA = "ema.safetensors"
"""The one that is sampled."""
EXPORTED = "model.safetensors"
"""The name of the same file where it has left its run, as model hubs expect it."""
FILES = ("generator.safetensors", EMA, "discriminator.safetensors", "optim.safetensors")
OLD = "doctor.safetensors"
"""Beside the others in the first runs; nothing reads it any more."""
log = logging.getLogger("saddlepoint")


def write_state(folder: Path, **fields: Any) -> None:
    """Write state.json beside the other files of a checkpoint, which must be complete.

    Args:
        fields: those of `State` that the files do not tell.
    """
    files = {name: sha256_of(folder / name) for name in FILES}
    document = {"schema": SCHEMA, **fields, "files": files}
    write_json(folder / "state.json", {**document, "sha256": sha256_of_json(document)})


def read_state(checkpoint: Path) -> State:
    """The content of a checkpoint's state.json.

    Raises:
        InputError: damaged, or written by a newer version of Saddlepoint.
    """
    file = checkpoint / "state.json"
    document = read_json(file, dict[str, Any])
    # First of all: a newer file may have other fields.
    refuse_newer(checkpoint, document.get("schema"), SCHEMA)
    state: State = shaped(document, State, f"{file}: document")
    content = {name: value for name, value in document.items() if name != "sha256"}
    if state["schema"] > 1 and state.get("sha256") != sha256_of_json(content):
        raise InputError(f"{file} does not have the sha256 that it was written with.")
    if set(state["files"]) - {OLD} != set(FILES):
        raise InputError(f"{file} does not name the files of a checkpoint.")
    # With the rest of a thousand or without it: which one depends on the images of a step.
    if checkpoint.name not in {snapshot_name(state["n_images"], least) for least in (1, 1000)}:
        raise InputError(f"{file} belongs to another checkpoint ({state['n_images']:,} images).")
    return state


def recorded(checkpoint: Path, field: str) -> Any:
    """A field of a checkpoint's state.json, such as score; None where it cannot be read."""
    try:
        return read_state(checkpoint).get(field)
    except (OSError, InputError):
        return None


def damage(checkpoint: Path, files: Sequence[str] = FILES) -> str | None:
    """What is wrong with a checkpoint; None when its files are as they were written.

    Args:
        files: the names to verify.

    Raises:
        InputError: written by a newer version of Saddlepoint.
    """
    try:
        state = read_state(checkpoint)
        for name in files:
            # What is too large to be loaded is not worth the time that its hash takes.
            require_regular(checkpoint / name, available_memory())
            if sha256_of(checkpoint / name) != state["files"][name]:
                return f"{name} does not have the sha256 it was written with"
    except Newer:
        raise
    except (InputError, OSError) as error:
        return str(error).rstrip(".")
    return None


def newest_intact(run: Run, files: Sequence[str] = FILES) -> Path | None:
    """The newest checkpoint without `damage`; damaged ones are named in a warning.

    Returns:
        Its folder, or None when the run has no checkpoint yet.

    Raises:
        InputError: none is intact, or one was written by a newer version of Saddlepoint.
    """
    checkpoints = run.checkpoints
    for folder in reversed(checkpoints):
        fault = damage(folder, files)
        if fault is None:
            return folder
        log.warning("Checkpoint %s is damaged (%s); using the one before.", folder, fault)
    if checkpoints:
        raise InputError(
            f"{run.path}: none of its checkpoints is intact; it can be neither sampled nor resumed."
        )
    return None


def healthy_until(run: Run, since_step: int) -> int:
    """Images of the last check before the step from which on a finding's evidence holds; 0 for
    none."""
    before = [row["images"] for row in run.history.rows if row.get("step", 0) < since_step]
    return max(before, default=0)
