"""What the labs share: a folder that belongs to one lab, and work that is done only once."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from saddlepoint import api
from saddlepoint.core.errors import InputError
from saddlepoint.core.files import write_json
from saddlepoint.core.registry import unknown
from saddlepoint.core.runs import Run
from saddlepoint.evaluation.scores import newest_scores


def claim(out: Path, settings: dict[str, Any]) -> None:
    """Make `out` a lab's folder; lab.json keeps two labs of different settings apart.

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
    # A setting that an older lab.json does not know yet is no difference.
    changed = [name for name in settings if name in before and before[name] != settings[name]]
    if changed:
        was = ", ".join(f"{name}={before[name]}" for name in changed)
        raise InputError(f"--out {out} holds a lab with {was}; use the same or another folder.")


def chosen(only: Sequence[str], known: Sequence[str], what: str) -> list[str]:
    """The names of `--only A B` or `--only A,B`; all known ones where none is given.

    Raises:
        InputError: an unknown name, with the nearest one.
    """
    names = [name for word in only for name in word.split(",") if name]
    for name in names:
        if name not in known:
            raise InputError(unknown(what, name, known))
    return names or list(known)


def train_once(folder: Path, train: Callable[[], object], quiet: bool, preview: bool) -> None:
    """Train what an earlier call has not finished: from the start, or from where it was killed."""
    run = Run(folder)
    if run.status.get("state") == "finished":
        return
    if run.checkpoints:
        api.resume(folder, quiet=quiet, preview=preview)
        return
    shutil.rmtree(folder, ignore_errors=True)  # killed before its first checkpoint
    train()


def measure_once(folder: Path, features: str, n: int, quiet: bool) -> str:
    """Measure the newest checkpoint, unless that is done.

    Returns:
        A sentence on the features that were taken; "" where nothing was measured.
    """
    # Scores belong to a checkpoint: after more training they are measured again.
    newest = Run(folder).checkpoints[-1].name
    if any(score["checkpoint"] == newest for score in newest_scores(Run(folder))):
        return ""
    return api.evaluate(folder, features=features, n=n, quiet=quiet)[1]


def say(text: str, quiet: bool) -> None:
    """One line on stderr."""
    if not quiet:
        print(text, file=sys.stderr)
