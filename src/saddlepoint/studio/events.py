"""One stream of server-sent events a tab: what changed, so that the tab asks again.

HTTP/1.1 allows a browser six connections a host, so a second stream in a tab would soon stop all
others. Whoever does not read is given up: nothing is kept for a stream but a short queue.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections import deque
from typing import Any

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from saddlepoint.core.json_files import dumps

MOST_STREAMS = 256
"""Open at once; above it the oldest makes room, so that a new tab always works."""
_QUEUE, _KEPT = 256, 1024
_PING_SECONDS, _SEND_SECONDS = 15.0, 30.0


class Events:
    """Publishes to all tabs, or to one; safe to call from any thread once the server runs."""

    def __init__(self) -> None:
        # In every id, so that a tab which comes back after a restart is told to read all again.
        self._start = secrets.token_hex(4)
        self._number = 0
        self._recent: deque[tuple[int, str, bytes]] = deque(maxlen=_KEPT)
        self._streams: dict[str, asyncio.Queue[bytes]] = {}
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def listening(self) -> bool:
        """Whether any tab is open."""
        return bool(self._streams)

    def begin(self) -> None:
        """Called once on the server's loop."""
        self._loop = asyncio.get_running_loop()

    def publish(self, kind: str, data: Any, tab: str = "") -> None:
        """Send an event.

        Args:
            kind: the event's name; a view's own begin with the view's name: `game-frame`.
            data: plain JSON values.
            tab: only to this tab, as the page gives it with its commands; "" is all of them.
        """
        assert self._loop is not None
        text = dumps(data)
        with contextlib.suppress(RuntimeError):  # the loop has ended, and with it every tab
            self._loop.call_soon_threadsafe(self._put, kind, text, tab)

    def _put(self, kind: str, text: str, tab: str) -> None:
        self._number += 1
        event = f"id: {self._start}-{self._number}\nevent: {kind}\ndata: {text}\n\n".encode()
        self._recent.append((self._number, tab, event))
        for name, queue in self._streams.items():
            if tab in ("", name):
                self._offer(queue, event)

    def _offer(self, queue: asyncio.Queue[bytes], event: bytes) -> None:
        if queue.full():
            # It reads too slowly to be told everything, so it is asked to read everything again.
            while not queue.empty():
                queue.get_nowait()
            event = self._reset()
        queue.put_nowait(event)

    def _reset(self) -> bytes:
        return f"id: {self._start}-{self._number}\nevent: reset\ndata: {{}}\n\n".encode()

    def open(self, tab: str, last_id: str) -> asyncio.Queue[bytes]:
        """A new stream; one that the same tab had is closed.

        Args:
            last_id: of the last event that the tab saw; "" for a new one.
        """
        self.close(tab)
        while len(self._streams) >= MOST_STREAMS:
            self.close(next(iter(self._streams)))
        queue: asyncio.Queue[bytes] = asyncio.Queue(_QUEUE)
        queue.put_nowait(b"retry: 1000\n\n")
        start, _, number = last_id.partition("-")
        if last_id:
            oldest = self._recent[0][0] if self._recent else self._number + 1
            known = start == self._start and number.isdecimal() and int(number[:18]) + 1 >= oldest
            missed = [
                e for n, to, e in self._recent if known and n > int(number) and to in ("", tab)
            ]
            for event in missed if known else [self._reset()]:
                self._offer(queue, event)
        self._streams[tab] = queue
        return queue

    def close(self, tab: str, queue: asyncio.Queue[bytes] | None = None) -> None:
        """End a stream; `queue`: only if it is still this one."""
        if tab in self._streams and queue in (None, self._streams[tab]):
            ended = self._streams.pop(tab)
            while ended.full():
                ended.get_nowait()
            ended.put_nowait(b"")  # what wakes and ends its response

    def close_all(self) -> None:
        for tab in list(self._streams):
            self.close(tab)


class EventStream(Response):
    """The response that carries a tab's events until it leaves, or stops reading."""

    media_type = "text/event-stream"

    def __init__(self, events: Events, tab: str, last_id: str) -> None:
        self._events, self._tab, self._last_id = events, tab, last_id
        self.status_code = 200
        self.background = None
        self.init_headers({"x-accel-buffering": "no"})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        queue = self._events.open(self._tab, self._last_id)
        sending = asyncio.ensure_future(self._send_all(queue, send))
        leaving = asyncio.ensure_future(_left(receive))
        try:
            await asyncio.wait((sending, leaving), return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._events.close(self._tab, queue)
            for task in (sending, leaving):
                task.cancel()
            await asyncio.gather(sending, leaving, return_exceptions=True)

    async def _send_all(self, queue: asyncio.Queue[bytes], send: Send) -> None:
        await send(
            {"type": "http.response.start", "status": 200, "headers": list(self.raw_headers)}
        )
        while True:
            try:
                async with asyncio.timeout(_PING_SECONDS):
                    event = await queue.get()
            except TimeoutError:
                event = b": still here\n\n"
            async with asyncio.timeout(_SEND_SECONDS):
                more = event != b""
                await send({"type": "http.response.body", "body": event, "more_body": more})
            if not more:
                return


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
