"""Coroutines run by tests."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

T = TypeVar("T")


def run_alone(story: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine, run in a thread of its own: where browser tests came before in the
    same process, Playwright's loop still runs in the main one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, story).result()
