"""The studio's routes, answered inside a process: what a browser would ask a server for."""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from starlette.datastructures import Headers

from saddlepoint.core.texts import Language
from saddlepoint.studio.guard import TOKEN_HEADER
from saddlepoint.studio.server import create_app

_HOST = "localhost"


@dataclass
class Answer:
    """Of a request."""

    status: int = 500
    headers: Headers = field(default_factory=Headers)
    body: bytes = b""


class Kernel:
    """A studio without a network.

    Args:
        root: the folder of the runs.
        language: of its sentences.
    """

    def __init__(self, root: Path, language: Language) -> None:
        self._language = language
        self._app = create_app(root)
        # A notebook's own thread has a loop that runs already.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="saddlepoint-notebook")

    def ask(self, method: str, address: str, body: bytes = b"") -> Answer:
        """What the studio answers to a request; safe to call from any thread."""
        request = self._answer(method, address, body)
        return self._thread.submit(asyncio.run, request).result()

    async def _answer(self, method: str, address: str, body: bytes) -> Answer:
        path, _, query = address.partition("?")
        given = {
            "host": _HOST,
            "accept-language": self._language,
            "content-type": "application/json",
            "content-length": str(len(body)),
            TOKEN_HEADER: self._app.state.studio.token,
        }
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "server": (_HOST, 80),
            "path": unquote(path),
            "query_string": query.encode(),
            "headers": [(name.encode(), value.encode()) for name, value in given.items()],
        }
        answer = Answer()
        asked = False

        async def receive() -> dict[str, Any]:
            nonlocal asked
            if asked:
                await asyncio.Event().wait()  # this browser never leaves
            asked = True
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                answer.status = message["status"]
                answer.headers = Headers(raw=message["headers"])
            else:
                answer.body += message.get("body", b"")

        # A folder that cannot be read is answered, and raised as well for a server's log.
        with suppress(OSError):
            await self._app(scope, receive, send)
        return answer
