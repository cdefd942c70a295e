"""Looks at the run folders once a second while anybody is watching, and says which have changed."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.concurrency import run_in_threadpool

from saddlepoint.studio.events import Events
from saddlepoint.studio.library import Library, stamp_of

_SECONDS = 1.0


async def watch(library: Library, events: Events) -> None:
    """Publish `run` {"id"} for a run that changed or is new, `gone` {"id"} for one that is not
    there any more."""
    before: dict[str, Any] | None = None
    while True:
        await asyncio.sleep(_SECONDS)
        if not events.listening:
            before = None
            continue
        now = await run_in_threadpool(_stamps, library)
        # A tab that has just opened reads everything anyway.
        if before is not None:
            for id in now:
                if now[id] != before.get(id):
                    events.publish("run", {"id": id})
            for id in before.keys() - now.keys():
                events.publish("gone", {"id": id})
        before = now


def _stamps(library: Library) -> dict[str, Any]:
    return {id: stamp_of(run) for id, run in library.runs().items()}
