"""Threads that compute beside the answers of the studio, and end before it does: a process that
ends while torch computes is aborted."""

from __future__ import annotations

import atexit
import threading
import weakref
from collections.abc import Callable

_SECONDS = 10.0
"""For a thread to come to its next `check`."""


class Ended(Exception):
    """The work was stopped, or nobody waits for it any more."""


class Background:
    """Safe to use from any thread."""

    def __init__(self) -> None:
        self._threads: weakref.WeakSet[threading.Thread] = weakref.WeakSet()
        self._ending = False

    def begin(self, work: Callable[[], None]) -> threading.Thread:
        """Start work that calls `check` often, or does not use torch."""
        thread = threading.Thread(target=work, daemon=True)
        self._threads.add(thread)
        thread.start()
        return thread

    def check(self) -> None:
        """Raises Ended once the studio ends."""
        if self._ending:
            raise Ended

    def end(self) -> None:
        """End all of them."""
        self._ending = True
        for thread in [*self._threads]:
            thread.join(_SECONDS)


BACKGROUND = Background()
atexit.register(BACKGROUND.end)
