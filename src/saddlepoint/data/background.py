"""Work that goes on beside the caller's, in a few threads that end with their owner or process."""

from __future__ import annotations

import queue
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any


class Background:
    """Calls functions in threads of its own.

    The threads are daemons, which `concurrent.futures` does not offer: a process that ends does not
    wait for a store that is away.
    """

    def __init__(self, n_threads: int) -> None:
        self._work: queue.SimpleQueue[Any] = queue.SimpleQueue()
        for _ in range(n_threads):
            threading.Thread(target=_serve, args=(self._work,), daemon=True).start()
        weakref.finalize(self, _end, self._work, n_threads)

    def call(self, function: Callable[..., Any], *args: Any) -> Future[Any]:
        """What the function returns or raises, once it has."""
        future: Future[Any] = Future()
        self._work.put((future, function, args))
        return future


def _serve(work: queue.SimpleQueue[Any]) -> None:
    while (job := work.get()) is not None:
        future, function, args = job
        if future.set_running_or_notify_cancel():
            try:
                future.set_result(function(*args))
            except BaseException as error:  # raised again by whoever asks for the result
                future.set_exception(error)
        del job, future, function, args  # they may hold the owner


def _end(work: queue.SimpleQueue[Any], n_threads: int) -> None:
    for _ in range(n_threads):
        work.put(None)
