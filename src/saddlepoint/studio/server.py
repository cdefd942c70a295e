"""The studio's server: the page, its files, its events, and the views' routes behind the guard."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import mimetypes
import os
import re
import secrets
import socket
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from functools import cache, partial
from html import escape
from importlib import resources
from importlib.util import find_spec
from pathlib import Path
from string import Template

import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp

from saddlepoint.core.errors import InputError, RunFailed, words
from saddlepoint.core.json_files import dumps
from saddlepoint.core.reading import read_bytes
from saddlepoint.core.streams import tell
from saddlepoint.studio.events import Events, EventStream
from saddlepoint.studio.guard import ALL_ADDRESSES, LOOPBACK, Guard, refusal
from saddlepoint.studio.library import NotFound
from saddlepoint.studio.strings import LANGUAGES, texts
from saddlepoint.studio.view import MOST_BYTES, Studio, View, all_views, language_of
from saddlepoint.studio.watch import watch

THEMES = ("auto", "light", "dark")
_LAST_SECONDS = 4.0
"""After Ctrl-C or SIGTERM, for answers that are still being made."""


def create_app(root: Path, host: str = "127.0.0.1", access: str = "") -> Starlette:
    """The studio over a folder of runs.

    Args:
        access: the token that a browser has to give first; "": none, on loopback.
    """
    studio = Studio.over(root, paths=not access)
    views = all_views()
    limits = {f"/api/{view.name}/": view.most_bytes for view in views}

    def most_bytes(path: str) -> int:
        return next((most for start, most in limits.items() if path.startswith(start)), MOST_BYTES)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        studio.events.begin()
        watching = asyncio.create_task(watch(studio))
        yield
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching

    app = _Guarded(
        routes=[
            Route("/", lambda request: RedirectResponse(f"/{views[0].name}")),
            Route("/events", _events),
            Route("/static/{file:path}", _static),
            Route("/texts/{language}.js", _texts),
            *(Mount(f"/api/{view.name}", routes=view.routes) for view in views),
            Route("/{view}", _page),
            Route("/{view}/{rest:path}", _page),
        ],
        middleware=[
            Middleware(Guard, host=host, token=studio.token, access=access, most_bytes=most_bytes),
            Middleware(GZipMiddleware, minimum_size=2000, compresslevel=3),
        ],
        exception_handlers={
            NotFound: _explain(404),
            InputError: _explain(400),
            RunFailed: _explain(409),
            404: _explain(404, "There is nothing at this address."),
            405: _explain(405, "This address does not answer such a request."),
            500: _explain(500, "The studio met a fault of its own; its terminal says where."),
        },
        lifespan=lifespan,
    )
    app.guard = partial(Guard, host=host, token=studio.token, access=access, most_bytes=most_bytes)
    app.state.studio = studio
    app.state.views = {view.name: view for view in views}
    return app


class _Guarded(Starlette):
    """An application with its guard outside everything, the page of a fault included."""

    guard: Callable[[ASGIApp], Guard]

    def build_middleware_stack(self) -> ASGIApp:
        return self.guard(super().build_middleware_stack())


def serve(root: Path, host: str, port: int) -> None:
    """Answer until Ctrl-C.

    Raises:
        InputError: the address cannot be listened on.
    """
    access = "" if host in LOOPBACK else secrets.token_urlsafe(24)
    listening = _listen(host, port)
    port = listening.getsockname()[1]
    app = create_app(root, host, access)
    shown = f"[{host}]" if ":" in host else host
    tell(f"Studio: http://{shown}:{port}/{f'?token={access}' if access else ''}")
    if host in ALL_ADDRESSES:
        tell(f"From another machine, write this one's name or address in place of {shown}.")
    tell("Ctrl-C stops the studio; runs that it started keep training.")
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        ws="none",
        timeout_graceful_shutdown=1,
        timeout_keep_alive=30,
    )
    server = _Server(config, app.state.studio.events, _end_in_time)
    with suppress(KeyboardInterrupt):
        server.run(sockets=[listening])
    tell("The studio has stopped.")


def _end_in_time() -> None:
    """End this process in some seconds, if it has not ended by then."""
    # Neither uvicorn nor asyncio can stop a handler that computes in a thread: both would wait for
    # an answer that nobody reads any more. Nothing is lost: what a command changes is whole or not
    # there, and trainings are processes of their own.
    last = threading.Timer(_LAST_SECONDS, _end_now)
    last.daemon = True
    last.start()


def _end_now() -> None:
    tell("The studio has stopped.")
    sys.stderr.flush()
    os._exit(0)


class _Server(uvicorn.Server):
    """Ends its streams of events before it waits for requests to end.

    Args:
        ending: called when it begins to end.
    """

    def __init__(
        self, config: uvicorn.Config, events: Events, ending: Callable[[], None] = lambda: None
    ) -> None:
        super().__init__(config)
        self._events = events
        self._ending = ending

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._ending()
        self._events.close_all()
        await super().shutdown(sockets)


def _listen(host: str, port: int) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listening = socket.create_server((host, port), family=family, backlog=256)
    except (OSError, OverflowError) as error:
        # A socket's own text repeats the address, which is in the sentence already.
        why = words(error).partition(" (while")[0] if isinstance(error, OSError) else str(error)
        raise InputError(
            f"The studio cannot listen on --host {host} --port {port} ({why}); "
            "give another --port or --host."
        ) from error
    # Connections inherit it. asyncio sets it only where the protocol has a number, and without it
    # an answer waits 40 ms for the browser to acknowledge its headers.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening


def _explain(
    status: int, sentence: str = ""
) -> Callable[[Request, Exception], Awaitable[Response]]:
    async def answer(request: Request, error: Exception) -> Response:
        return refusal(status, sentence or str(error))

    return answer


def _page(request: Request) -> Response:
    """The frame of every view; what is in it comes from the view's module."""
    views: dict[str, View] = request.app.state.views
    name = request.path_params["view"]
    if name not in views:
        raise NotFound("There is nothing at this address.")
    language, theme = language_of(request), request.cookies.get("theme")
    words = texts(language)
    menu = "".join(
        f'<a href="/{view.name}" data-view="{view.name}"'
        f"{' aria-current=page' if view.name == name else ''}>"
        f"{escape(words[f'{view.name}.title'])}</a>"
        for view in views.values()
        if view.in_menu
    )
    page = Template(_files()["studio.html"].read_text()).substitute(
        language=language,
        theme=theme if theme in THEMES else THEMES[0],
        token=request.app.state.studio.token,
        title=escape(words[f"{name}.title"]),
        skip=escape(words["studio.skip"]),
        menu=menu,
        menu_name=escape(words["studio.menu"]),
        view=name,
    )
    return HTMLResponse(page)


async def _events(request: Request) -> Response:
    tab = request.query_params.get("tab", "")
    if not 8 <= len(tab) <= 64:
        raise InputError("An event stream belongs to a tab: /events?tab=NAME.")
    last_id = request.headers.get("last-event-id", "")
    return EventStream(request.app.state.studio.events, tab, last_id)


def _texts(request: Request) -> Response:
    language = request.path_params["language"]
    if language not in LANGUAGES:
        raise NotFound("There is no such language.")
    # Of the fields of a configuration the form asks for those that it shows.
    known = {key: text for key, text in texts(language).items() if not key.startswith("fields.")}
    script = f"export default {dumps(known)};\n"
    return Response(script, media_type="text/javascript", headers={"cache-control": "no-cache"})


def _static(request: Request) -> Response:
    name = request.path_params["file"]
    # Looked up, not joined: no name leads to a file that is not listed.
    file = _files().get(name)
    if file is None:
        raise NotFound("There is nothing at this address.")
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    if name == PLOTLY:
        headers = {"cache-control": "max-age=31536000, immutable", "content-encoding": "gzip"}
        return Response(_packed(file), media_type=kind, headers=headers)
    content = file.read_bytes()
    tag = f'"{hashlib.sha256(content).hexdigest()[:16]}"'
    headers = {"cache-control": "no-cache", "etag": tag}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    return Response(content, media_type=kind, headers=headers)


PLOTLY = "plotly.min.js"


@cache
def _files() -> dict[str, Path]:
    """Name -> file of everything below /static/."""
    home = Path(str(resources.files("saddlepoint.studio"))) / "static"
    found = {path.relative_to(home).as_posix(): path for path in home.rglob("*") if path.is_file()}
    spec = find_spec("plotly")
    if spec is not None and spec.origin is not None:
        found[PLOTLY] = Path(spec.origin).parent / "package_data" / PLOTLY
    return found


@cache
def _packed(file: Path) -> bytes:
    # Once: it has five megabytes, and never changes while the studio runs.
    script = read_bytes(file).decode()
    # Once loaded it writes a style sheet for maps, which our policy forbids and nobody needs.
    script = re.sub(r'!document\.getElementById\("[0-9a-f]{64}"\)', "false", script)
    return gzip.compress(script.encode(), 6)
