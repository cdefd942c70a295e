"""Ctrl-C, SIGTERM and a terminal that closes: a request to stop, for the loop after saving."""

from __future__ import annotations

import os
import signal
import threading
import time
from types import FrameType
from typing import Any

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_ONE_PRESS = 0.5
"""Seconds. `timeout` and a shell may send the same request twice at once; a person cannot."""


class Stopped(KeyboardInterrupt):
    """Python ends its process by SIGINT once a plain KeyboardInterrupt has passed through `exec`,
    though it was caught; and every import of a dataclass has such a call."""


class StopRequest:
    """Context manager; `requested` becomes True at the first signal.

    A second Ctrl-C ends the process at once with exit code 130; the last checkpoint stays intact,
    because checkpoints appear by rename. Outside the main thread Python installs no handlers, and
    the signals keep their usual meaning.
    """

    def __init__(self) -> None:
        self.requested = False
        self._raises = False
        self._since = 0.0
        self._old: dict[int, Any] = {}

    def __enter__(self) -> StopRequest:
        if threading.current_thread() is threading.main_thread():
            for number in _SIGNALS:
                # `nohup` has SIGHUP ignored, so that training goes on without its terminal.
                if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
                    self._old[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._old.items():
            signal.signal(number, handler)

    def interrupt(self) -> None:
        """From here on the first signal raises Stopped, as there is nothing to save."""
        self._raises = True
        if self.requested:
            raise Stopped

    def ignore(self) -> None:
        """From here on only a second Ctrl-C counts: what is left takes no time."""
        self.requested, self._since = True, time.monotonic()

    def end_process(self) -> None:
        """The interpreter needs a second to end: no signal changes the exit code any more."""
        while self._old:
            signal.signal(self._old.popitem()[0], signal.SIG_IGN)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        # Nothing is printed here: a signal may come while stderr is written to, or is gone.
        if not self.requested:
            self.ignore()
            if self._raises:
                raise Stopped
        elif number == signal.SIGINT and time.monotonic() - self._since > _ONE_PRESS:
            os._exit(130)
