"""What surrounds a training run: its budget's checks, its randomness, its disk errors."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator

import torch

from saddlepoint.core.checks import MOST
from saddlepoint.core.errors import InputError, RunFailed, remedy, words
from saddlepoint.core.runs import Run


def check_budget(kimg: float | None, minutes: float | None) -> None:
    """Raises InputError for a budget given twice, or not a finite positive number."""
    if kimg is not None and minutes is not None:
        raise InputError("--kimg and --minutes were both given; choose one.")
    for name, value in (("kimg", kimg), ("minutes", minutes)):
        if value is not None and not 0 < value <= MOST:
            raise InputError(f"--{name} {value:g} must be greater than 0 and at most {MOST:,}.")


@contextlib.contextmanager
def disk_errors(run: Run) -> Iterator[None]:
    """A full or missing disk fails the run with one sentence and leaves no empty run folder.

    Raises:
        RunFailed: in place of an OSError; the sentence says how to go on.
    """
    try:
        yield
    except OSError as error:
        todo = f"checkpoints are intact; {remedy(error)}, then `saddle resume {run.path}`."
        # Without config.json it is not a run yet, and an empty folder would block the same command.
        if not run.config_file.exists():
            shutil.rmtree(run.path, ignore_errors=True)
            todo = f"{remedy(error)} and run the same command again."
        raise RunFailed(f"{words(error)} while writing {run.path}: {todo}") from error


@contextlib.contextmanager
def own_randomness() -> Iterator[None]:
    """Training seeds torch's global generator at every step; the caller's state is restored."""
    devices = range(torch.cuda.device_count()) if torch.cuda.is_available() else []
    with torch.random.fork_rng(devices=devices):
        yield
