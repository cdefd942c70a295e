"""Ctrl-C and SIGTERM: the first asks the loop to save and stop, the second ends at once."""

from __future__ import annotations

import os
import signal
import sys
import threading
from types import FrameType
from typing import Any


class StopRequest:
    """Context manager; `requested` becomes True at the first signal.

    A second signal ends the process at once with exit code 130; the last checkpoint stays intact,
    because checkpoints appear by rename. Outside the main thread Python installs no handlers, and
    the signals keep their usual meaning.
    """

    def __init__(self) -> None:
        self.requested = False
        self._old: dict[int, Any] = {}

    def __enter__(self) -> StopRequest:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._old[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._old.items():
            signal.signal(number, handler)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.requested:
            os._exit(130)
        self.requested = True
        print("\nSaving; press Ctrl-C again to stop at once.", file=sys.stderr, flush=True)
