"""Work that takes long and needs torch's own random numbers: `saddle` does it, in a process of its
own, and leaves what it has learned in the cache."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import TypeVar

from saddlepoint.core.errors import RunFailed
from saddlepoint.studio.stream import DRAWING

_T = TypeVar("_T")
_SECONDS = 3600


class _Slow(Exception):
    """A net has to be trained first."""


def _refuse(what: str, done: int, of: int) -> None:
    raise _Slow


def from_cache(
    load: Callable[[Callable[[str, int, int], None]], _T], saddle: Sequence[str], wait: Callable
) -> _T:
    """What `load(progress)` gives.

    Args:
        load: calls its progress before it begins to train anything.
        saddle: the command that trains it, without the word `saddle`.
        wait: called before that command begins.

    Raises:
        RunFailed: the command failed.
    """
    for first in (True, False):
        try:
            with DRAWING:
                return load(_refuse)
        except _Slow:
            if not first:
                raise RunFailed("The cache cannot be written, which this needs.") from None
        wait()
        command = [sys.executable, "-m", "saddlepoint", *saddle]
        done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS)
        if done.returncode:
            said = done.stderr.strip().rpartition("\n")[2] or f"it ended with {done.returncode}"
            raise RunFailed(f"`saddle {saddle[0]}`, which learns to compare, failed: {said}")
    raise AssertionError
