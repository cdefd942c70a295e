"""Hold a run that has just ended: its process still writes the last checkpoint and the page."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from saddlepoint.core.errors import InputError
from saddlepoint.core.runs import Run

WRITING_SECONDS = 20.0
"""How long an ended run is waited for."""


@contextmanager
def held(run: Run) -> Iterator[None]:
    """Hold a run; one that has just ended, as soon as its process lets go of it.

    Raises:
        InputError: a process is training it, or keeps it for longer.
    """
    until = time.monotonic() + WRITING_SECONDS
    with ExitStack() as stack:
        while True:
            try:
                stack.enter_context(run.lock())
                break
            except InputError:
                if run.status.get("state") == "running" or time.monotonic() > until:
                    raise
                time.sleep(0.1)
        yield
