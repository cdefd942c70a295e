"""Work that takes long and needs torch's own random numbers: `saddle` does it, in a process of its
own, and leaves what it has learned in the cache."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TypeVar

from saddlepoint.core.errors import RunFailed
from saddlepoint.core.files import cache_folder
from saddlepoint.core.measures import Progress
from saddlepoint.studio.stream import DRAWING

_T = TypeVar("_T")
_SECONDS = 3600


class _Slow(Exception):
    """A net has to be trained first."""


def from_cache(
    load: Callable[[Progress], _T], saddle: Sequence[str], wait: Callable[[], None]
) -> _T:
    """What `load(progress)` gives.

    Args:
        load: calls its progress before it begins to train anything.
        saddle: the command that trains it, without the word `saddle`.
        wait: called before that command begins.

    Raises:
        RunFailed: the command failed, or there is nowhere to keep what it learned.
    """
    with suppress(_Slow):
        return _loaded(load)
    wait()
    command = [sys.executable, "-m", "saddlepoint", *saddle]
    done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS)
    if done.returncode:
        said = done.stderr.strip().rpartition("\n")[2] or f"it ended with {done.returncode}"
        raise RunFailed(f"`saddle {saddle[0]}`, which learns to compare, failed: {said}")
    try:
        return _loaded(load)
    except _Slow:
        raise RunFailed(
            f"The cache {cache_folder()} cannot be written, where what was learned is kept; check "
            "its permissions."
        ) from None


def _loaded(load: Callable[[Progress], _T]) -> _T:
    def refuse(what: str, done: int, of: int) -> None:
        raise _Slow

    with DRAWING:
        return load(refuse)
