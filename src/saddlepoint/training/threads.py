"""How the threads of a step wait for each other, on cores that other programs use as well.

After every operation the threads of a team meet at a barrier. By default GNU OpenMP lets a thread
that arrives early spin for milliseconds, which is fastest on cores of its own. Beside a busy
program the spinning thread takes the very core that the late one needs: training becomes five
times slower and more (docs/log.md, `python bench/threads.py`). Fewer threads would cure that but
change the order of sums, and so the bits of the weights; how a thread waits changes nothing.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import torch

from saddlepoint.core.config import Train

_WINDOW_SECONDS = 1.0
_CROWDED, _QUIET = 0.2, 0.1
"""Threads' share of the time in the queue for a core: 0.00 to 0.07 on cores of their own, 0.7 to
1.4 on shared ones (docs/log.md)."""


@contextlib.contextmanager
def use(count: int) -> Iterator[None]:
    """Compute with `count` threads (0: with the caller's); afterwards the caller's are back."""
    before = torch.get_num_threads()
    torch.set_num_threads(count or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class SharedCores:
    """Context manager; `check` once a step makes threads sleep while they wait where cores are
    shared, and spin again where they are not.

    GNU OpenMP stops spinning as soon as a process has more threads than cores (its manual, under
    GOMP_SPINCOUNT). Idle teams, which cost nothing, make that so while it is wanted.
    """

    def __init__(self, train: Train) -> None:
        self._has_team = train.device == "cpu" and train.threads > 1
        self._release: threading.Event | None = None
        self.waiting = 0.0
        """Seconds in the queue for a core, of all threads together, per second of wall clock."""

    def __enter__(self) -> SharedCores:
        self._since, self._queued = time.monotonic(), _queued_seconds()
        return self

    def __exit__(self, *_: object) -> None:
        self._spin()

    def check(self) -> bool:
        """True when threads have just been told to sleep while they wait."""
        now = time.monotonic()
        if not self._has_team or now - self._since < _WINDOW_SECONDS:
            return False
        queued = _queued_seconds()
        self.waiting = max(0.0, queued - self._queued) / (now - self._since)
        self._since, self._queued = now, queued
        if self._release is not None and self.waiting < _QUIET:
            self._spin()
        elif self._release is None and self.waiting > _CROWDED:
            self._sleep()
            return True
        return False

    def _sleep(self) -> None:
        self._release = threading.Event()
        size, cores = torch.get_num_threads(), len(os.sched_getaffinity(0))
        for _ in range(cores // (size - 1) + 1):
            ready = threading.Event()
            threading.Thread(target=_idle_team, args=(ready, self._release), daemon=True).start()
            ready.wait()

    def _spin(self) -> None:
        if self._release is not None:
            self._release.set()
            self._release = None


def _idle_team(ready: threading.Event, release: threading.Event) -> None:
    """Start a team by one parallel operation and keep it until `release`."""
    torch.zeros(2**18).add_(1)
    ready.set()
    release.wait()


def _queued_seconds() -> float:
    """Seconds that this process's threads have waited for a core so far; 0 where the kernel does
    not tell (it does on Linux)."""
    nanoseconds = 0
    for file in Path("/proc/self/task").glob("*/schedstat"):
        with contextlib.suppress(OSError, IndexError, ValueError):  # the thread has just ended
            # Fields: nanoseconds on a core, nanoseconds in its queue, time slices.
            nanoseconds += int(file.read_text().split()[1])
    return nanoseconds / 1e9
