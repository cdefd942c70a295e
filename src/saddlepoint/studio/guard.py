"""What stands between the network and the views: who may ask, how much, and what a browser may do
with the answer."""

from __future__ import annotations

import asyncio
import ipaddress
import secrets
import socket
from collections.abc import Callable
from urllib.parse import urlencode, urlsplit

from starlette.datastructures import Headers, MutableHeaders, QueryParams
from starlette.requests import cookie_parser
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from saddlepoint.reporting.messages import in_languages

LOOPBACK = ("127.0.0.1", "localhost", "::1")
ALL_ADDRESSES = ("0.0.0.0", "::")
TOKEN_HEADER = "x-saddle-token"
MOST_SECONDS = 15.0
"""For a body to arrive. On the same machine it takes milliseconds; a slow one holds a place."""

# No inline script or style, nothing from elsewhere, no frame around the page.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}


class Guard:
    """ASGI middleware.

    Args:
        host: the address that the studio listens on.
        token: each POST carries it in a header, which no page from elsewhere can know.
        access: with `--host`: whoever has not given it sees nothing. "": loopback, where it is
            not needed.
        most_bytes: path -> the limit on the body of a request to it.
    """

    def __init__(
        self, app: ASGIApp, host: str, token: str, access: str, most_bytes: Callable[[str], int]
    ) -> None:
        self._app = app
        self._host = host
        self._token = token
        self._access = access
        self._most_bytes = most_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":  # the studio has no web sockets
            await send({"type": "websocket.close", "code": 1008})
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(raw=message["headers"])
                for name, value in _HEADERS.items():
                    headers[name] = value
                headers.setdefault("cache-control", "no-store")
                message = {**message, "headers": headers.raw}
            await send(message)

        answer = self._refusal(scope)
        if answer is None and scope["method"] == "POST":
            body = await self._body(scope, receive)
            if isinstance(body, bytes):
                receive = _replaying(body, receive)
            else:
                answer = body
        await (answer or self._app)(scope, receive, send_guarded)

    def _refusal(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        if scope["method"] not in ("GET", "HEAD", "POST"):
            return refusal(405, "The studio answers GET and POST only.")
        # Against DNS rebinding: a page from elsewhere may name this address by its own host.
        if not self._is_ours(headers.get("host", "")):
            return refusal(403, "The Host header names another machine than the studio listens on.")
        origin = headers.get("origin")
        # A cross-site page may not read what we answer, but the request alone must do nothing.
        if origin is not None and urlsplit(origin).netloc != headers["host"]:
            return refusal(403, "The request comes from a page of another origin.")
        if origin is None and headers.get("sec-fetch-site") in ("cross-site", "same-site"):
            navigation = headers.get("sec-fetch-mode") == "navigate" and scope["method"] == "GET"
            if not navigation:
                return refusal(403, "The request comes from a page of another origin.")
        if self._access and (answer := self._entry(scope, headers)) is not None:
            return answer
        if scope["method"] == "POST":
            given = headers.get(TOKEN_HEADER, "")
            if not secrets.compare_digest(given.encode(), self._token.encode()):
                return refusal(403, "The token is missing or wrong; load the page again.")
        return None

    def _is_ours(self, host: str) -> bool:
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            return False
        if "@" in host:  # no browser sends one
            return False
        if name in LOOPBACK or name == self._host.lower():
            return True
        if self._host not in ALL_ADDRESSES:
            return False
        # On all addresses: this machine by number or by its name; the token guards the rest.
        return name == socket.gethostname().lower() or _is_number(name)

    def _entry(self, scope: Scope, headers: Headers) -> Response | None:
        """None for whoever has given the token of `--host`."""
        name = "saddle-studio"
        query = QueryParams(scope["query_string"])
        if scope["method"] == "GET" and self._admits(query.get("token", "")):
            # Out of the address, where it would stay in the history and be copied with it.
            rest = urlencode([(key, value) for key, value in query.multi_items() if key != "token"])
            # "//elsewhere" would be another host.
            path = "/" + scope["path"].lstrip("/\\")
            answer = RedirectResponse(f"{path}?{rest}" if rest else path, 303)
            answer.set_cookie(name, self._access, httponly=True, samesite="strict")
            return answer
        if self._admits(cookie_parser(headers.get("cookie", "")).get(name, "")):
            return None
        return PlainTextResponse(
            "This studio needs its token: open the whole address that `saddle studio` printed.", 401
        )

    def _admits(self, token: str) -> bool:
        return secrets.compare_digest(token.encode(), self._access.encode())

    async def _body(self, scope: Scope, receive: Receive) -> bytes | Response:
        """The whole body, as far as it is within the limits."""
        most = self._most_bytes(scope["path"])
        too_large = refusal(413, f"The body of this request may have {most:,} bytes at most.")
        announced = Headers(scope=scope).get("content-length", "0")
        if not announced.isdecimal() or int(announced[:18]) > most:
            return too_large
        pieces: list[bytes] = []
        try:
            async with asyncio.timeout(MOST_SECONDS):
                more = True
                while more:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        return refusal(400, "The request ended before its body did.")
                    pieces.append(message.get("body", b""))
                    more = message.get("more_body", False)
                    if sum(map(len, pieces)) > most:
                        return too_large
        except TimeoutError:
            return refusal(408, "The body of this request took too long.")
        return b"".join(pieces)


def refusal(status: int, sentence: str) -> Response:
    """An answer that says why nothing was done."""
    # Whatever of the body was not read would be taken for the next request.
    headers = {"connection": "close"} if status in (408, 413) else None
    return JSONResponse({"error": in_languages(sentence)}, status, headers)


def _replaying(body: bytes, receive: Receive) -> Receive:
    """A `receive` that gives the body first, then what comes after it."""
    first = True

    async def replay() -> Message:
        nonlocal first
        if first:
            first = False
            return {"type": "http.request", "body": body, "more_body": False}
        return await receive()

    return replay


def _is_number(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
