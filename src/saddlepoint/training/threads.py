"""How the threads of a step share cores that other programs use as well.

After every operation the threads of a team meet at a barrier. GNU OpenMP lets a thread that is
early spin for milliseconds, which is fastest on cores of its own. Beside a busy program it spins on
the very core that the late thread needs, and training becomes several times slower. Fewer threads
would help, but add in another order and give other weights. The same number of threads that wait,
or are placed, in another way gives the same bits: so that is what is chosen here, by measured speed
(`python bench/threads.py`, docs/log.md).
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

SPIN, SLEEP, PACK = "spin", "sleep", "pack"
"""Threads spin while they wait; sleep; or sleep on half of the cores, where a sleeping thread makes
room for one of its own team. PACK wins beside one busy program, SLEEP beside many."""
_WINDOW_SECONDS = 1.0
_CROWDED = 0.2
"""Seconds in the queue for a core, of all threads, per second: at most 0.07 on cores of their own,
0.7 to 1.4 on shared ones (docs/log.md)."""
_WINDOWS_KEPT = 20
"""Windows before the ways are compared again: a comparison costs three slow ones at most."""


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
    """Context manager; `check` once a step keeps the fastest way for threads to share the cores.

    While nothing else runs, threads spin and nothing is tried. GNU OpenMP stops spinning as soon
    as a process has more threads than cores (its manual, under GOMP_SPINCOUNT): idle teams, which
    cost nothing, make that so while it is wanted.
    """

    def __init__(self, train: Train) -> None:
        on_linux = hasattr(os, "sched_getaffinity")
        self._has_team = on_linux and train.device == "cpu" and train.threads > 1
        self.way = SPIN
        self.queued = 0.0
        """Seconds in the queue for a core, of all threads, per second, over the last window."""
        self._rates: dict[str, float] = {}
        self._windows_left = 0
        self._release: threading.Event | None = None
        self._told = False

    def __enter__(self) -> SharedCores:
        self._cores = os.sched_getaffinity(0) if self._has_team else set()
        self._open_window()
        return self

    def __exit__(self, *_: object) -> None:
        self._switch(SPIN)

    def check(self) -> bool:
        """True when other programs are noticed on the cores for the first time."""
        self._steps += 1
        seconds = time.monotonic() - self._since
        if not self._has_team or seconds < _WINDOW_SECONDS:
            return False
        rate = self._steps / seconds
        self.queued = max(0.0, _queued_seconds() - self._queued_before) / seconds
        crowded = self.queued > _CROWDED
        if self._windows_left > 0:
            # The best way is kept for a while, unless it has become much slower than it was.
            slow = rate < 0.5 * self._rates[self.way]
            self._windows_left = 0 if slow else self._windows_left - 1
            # Over again from SPIN, the fastest way once the other programs are gone.
            if self._windows_left == 0:
                self._rates = {}
                self._switch(SPIN)
        elif self._rates or crowded:
            self._compare(rate)
        self._open_window()
        told, self._told = self._told, self._told or crowded
        return crowded and not told

    def _compare(self, rate: float) -> None:
        """Note the speed of the present way; on to the next one, or to the best of all."""
        self._rates[self.way] = rate
        untried = [way for way in (SPIN, SLEEP, PACK) if way not in self._rates]
        if not untried:
            self._windows_left = _WINDOWS_KEPT
        self._switch(untried[0] if untried else max(self._rates, key=self._rates.__getitem__))

    def _open_window(self) -> None:
        self._since, self._queued_before, self._steps = time.monotonic(), _queued_seconds(), 0

    def _switch(self, way: str) -> None:
        if way == self.way:
            return
        if self._release is not None and way == SPIN:
            self._release.set()
            self._release = None
        elif self._release is None:
            self._release = _idle_teams(len(self._cores))
        half = set(sorted(self._cores)[: max(1, len(self._cores) // 2)])
        _place(half if way == PACK else self._cores)
        self.way = way


def _place(cores: set[int]) -> None:
    """Let all threads of this process run on these cores only."""
    for task in os.listdir("/proc/self/task"):
        with contextlib.suppress(OSError):  # the thread has just ended
            os.sched_setaffinity(int(task), cores)


def _idle_teams(n_cores: int) -> threading.Event:
    """Start enough teams that this process has more threads than cores; they end when the event
    is set."""
    release = threading.Event()
    for _ in range(n_cores // (torch.get_num_threads() - 1) + 1):
        ready = threading.Event()
        threading.Thread(target=_idle_team, args=(ready, release), daemon=True).start()
        ready.wait()
    return release


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
