"""Looks at the run folders once a second while anybody is watching, and says which have changed."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from importlib import import_module
from typing import Any

from starlette.concurrency import run_in_threadpool

from saddlepoint.studio.library import NotFound, stamp_of
from saddlepoint.studio.view import Studio

_SECONDS = 1.0
_FIGURES = "saddlepoint.reporting.figures"


async def watch(studio: Studio) -> None:
    """Publish `run` with its line in the list for a run that changed or is new, `gone` {"id"} for
    one that is not there any more."""
    events = studio.events
    before: dict[str, Any] | None = None
    warming: asyncio.Task[Any] | None = None
    while True:
        await asyncio.sleep(_SECONDS)
        if not events.listening:
            continue
        # The first page has been painted. The first figure will need torch, which takes seconds.
        warming = warming or asyncio.create_task(run_in_threadpool(import_module, _FIGURES))
        now = await run_in_threadpool(_stamps, studio)
        if before is not None:
            changed = [id for id in now if now[id] != before.get(id)]
            for line in await run_in_threadpool(_lines, studio, changed):
                events.publish("run", line)
            for id in before.keys() - now.keys():
                events.publish("gone", {"id": id})
        before = now


def _stamps(studio: Studio) -> dict[str, Any]:
    pending = {id: (line["state"], line["error"]) for id, line in studio.pending().items()}
    return pending | {id: stamp_of(run) for id, run in studio.library.runs().items()}


def _lines(studio: Studio, ids: list[str]) -> list[dict[str, Any]]:
    found = []
    for id in ids:
        with suppress(NotFound):  # gone since
            found.append(studio.line(id))
    return found
