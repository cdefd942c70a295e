"""Reads the batches that come next while the device works on this one."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from concurrent.futures import Future

from torch import Tensor

from saddlepoint.core.ranks import sharing
from saddlepoint.data.background import Background
from saddlepoint.data.order import Order

DEPTH = 8
"""Batches that are read ahead: a read that takes as long as eight steps is not waited for."""
MOST_THREADS = 8
"""That decode at once: Pillow lets go of the interpreter's lock while it does (docs/log.md)."""


class Ahead:
    """Batches in order, each read before it is asked for."""

    def __init__(self, order: Order, read: Callable[[Tensor], Tensor], shards: bool) -> None:
        """
        Args:
            read: items -> what is read of them; called in other threads.
            shards: the data lie in shards, and reading an item brings the others of its shard near.
        """
        self._order, self._read, self._shards = order, read, shards
        self._jobs: dict[tuple[int, int], Future[Tensor]] = {}
        self._batches, self._windows = Background(_threads()), Background(1)
        self._window: tuple[int, int] | None = None
        self.seconds_waited = 0.0
        """In `take`, for what was not ready."""

    def take(self, n_images: int, batch_size: int) -> Tensor:
        """The batch at `n_images`; those after it are begun.

        Raises:
            InputError, RunFailed, OSError: whatever `read` raised for it.
        """
        places = [(n_images + k * batch_size, batch_size) for k in range(DEPTH + 1)]
        for place, job in self._jobs.items():
            if place not in places:  # it goes on elsewhere
                job.cancel()
        self._jobs = {place: self._jobs.get(place) or self._begin(*place) for place in places}
        if self._shards:
            self._bring_near(n_images)
        started = time.perf_counter()
        batch = self._jobs.pop(places[0]).result()
        self.seconds_waited += time.perf_counter() - started
        return batch

    def _begin(self, n_images: int, batch_size: int) -> Future[Tensor]:
        items = sharing().mine(self._order(n_images, batch_size))
        return self._batches.call(self._read, items)

    def _bring_near(self, n_images: int) -> None:
        """Begin to read the shards of the next window: they take longer than a few batches."""
        window, items = self._order.window_after(n_images)
        if window != self._window:
            self._window = window
            # What goes wrong is raised by the batch that needs the shard.
            self._windows.call(self._read, items)


def _threads() -> int:
    """Half of the cores that this process may use; the other half computes."""
    affinity = getattr(os, "sched_getaffinity", None)  # not on every system
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    return max(1, min(MOST_THREADS, cores // 2))
