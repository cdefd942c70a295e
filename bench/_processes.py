"""Work in a process of its own that never outlives the script that asked for it."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import Any, TypeVar

T = TypeVar("T")


def in_own_process(function: Callable[..., T], *arguments: Any) -> T:
    """Call `function` in a new process and return what it returns.

    When this process ends first, even by SIGKILL, the new one ends too: a training that went on
    unseen would slow down whatever is measured next.
    """
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context, initializer=_end_with_parent) as pool:
        return pool.submit(function, *arguments).result()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        parent.join()  # returns when the pipe between both breaks, however the parent ended
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
