"""A trained generator, played with: seeds, directions, walks, classes, uploaded pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from saddlepoint.core.errors import InputError
from saddlepoint.core.runs import Run
from saddlepoint.reporting.messages import in_languages
from saddlepoint.studio.library import playable
from saddlepoint.studio.view import View, command_of, in_thread, studio_of

if TYPE_CHECKING:
    from saddlepoint.studio.play.models import Model
    from saddlepoint.studio.play.wish import Wish

# torch takes seconds to load; the studio's other pages need not wait for it. So what computes is
# imported by the handlers.

MOST_BYTES = 20 * 2**20
"""Of an uploaded picture."""


class Nothing(TypedDict):
    """A command without details."""


def listing(request: Request) -> Response:
    """The runs that can be played with, and how many others there are."""
    library = studio_of(request).library
    lines = [library.line(id) for id in library.runs()]
    found = [line for line in lines if playable(line)]
    return JSONResponse({"runs": found, "others": len(lines) - len(found)})


def about(request: Request) -> Response:
    """A model and what its controls depend on."""
    from saddlepoint.studio.play import drawing

    run = _run(request)
    line = studio_of(request).library.line(request.path_params["id"])
    return JSONResponse(
        {**drawing.about(_model(request, run)), "title": line["title"], "run": line}
    )


def images(request: Request) -> Response:
    """The samples of the page."""
    from saddlepoint.studio.play import drawing

    return JSONResponse(drawing.images(_model(request), _wish(request), _place(request, "at")))


def one(request: Request) -> Response:
    """The commands of one sample."""
    from saddlepoint.studio.play import drawing

    return JSONResponse(drawing.one(_model(request), _wish(request), _place(request, "at")))


def walk(request: Request) -> Response:
    """The way from one sample to another and back."""
    from saddlepoint.studio.play import drawing

    ends = _place(request, "from"), _place(request, "to")
    return JSONResponse(drawing.walk(_model(request), _wish(request), ends))


def nearest(request: Request) -> Response:
    """The training image nearest to a sample, or how far the reading of them is."""
    from saddlepoint.studio.play import neighbours

    found = neighbours.NEIGHBOURS.of(_model(request), _wish(request), _place(request, "at"))
    return JSONResponse(found)


def file(request: Request) -> Response:
    """What is on the page, as a file to keep."""
    from saddlepoint.studio.play import drawing

    kind = request.path_params["kind"]
    places = [
        _place(request, name) for name in ("at", "from", "to") if name in request.query_params
    ]
    content, media = drawing.file(_model(request), _wish(request), kind, places)
    return Response(content, media_type=media, headers={"content-disposition": "attachment"})


async def project(request: Request) -> Response:
    """Look for the latent of the picture in the body; returns the name of the search."""
    content = await request.body()

    def begin() -> dict[str, Any]:
        from saddlepoint.studio.play import drawing, uploads

        # Of a file on another machine only its name is known; it goes into a command line.
        name = "".join(c for c in request.query_params.get("name", "") if c.isprintable())
        key = uploads.SEARCHES.begin(_model(request), content, name[-120:] or "picture.png")
        search = uploads.SEARCHES.of(key)
        notes = [in_languages(note) for note in search.notes]
        return {"search": key, "given": drawing.sheet(search.picture[None]), "notes": notes}

    return JSONResponse(await in_thread(begin))


def search(request: Request) -> Response:
    """How far a search is, and what it found."""
    from saddlepoint.studio.play import uploads

    return JSONResponse(uploads.SEARCHES.of(request.path_params["key"]).answer())


async def stop(request: Request) -> Response:
    """End a search."""
    await command_of(request, Nothing)

    def end() -> None:
        from saddlepoint.studio.play import uploads

        uploads.SEARCHES.of(request.path_params["key"]).stop()

    await in_thread(end)
    return JSONResponse({})


def _run(request: Request) -> Run:
    return studio_of(request).library.run(request.path_params["id"])


def _model(request: Request, run: Run | None = None) -> Model:
    from saddlepoint.studio.play import models

    return models.MODELS.of(run or _run(request), request.query_params.get("checkpoint", ""))


def _wish(request: Request) -> Wish:
    from saddlepoint.studio.play.wish import Wish

    return Wish.of(request.query_params)


def _place(request: Request, name: str) -> int:
    """The place of an image on the page, from 0."""
    text = request.query_params.get(name, "0")
    if not (text.isascii() and text.isdigit() and len(text) < 6):
        raise InputError(f"{name}={text[:40]!r} does not name an image.")
    return int(text)


VIEW = View(
    name="play",
    order=3,
    most_bytes=MOST_BYTES,
    routes=[
        Route("/", listing),
        Route("/-search/{key}", search),
        Route("/-search/{key}/stop", stop, methods=["POST"]),
        Route("/{id}", about),
        Route("/{id}/images", images),
        Route("/{id}/one", one),
        Route("/{id}/walk", walk),
        Route("/{id}/nearest", nearest),
        Route("/{id}/project", project, methods=["POST"]),
        Route("/{id}/file.{kind}", file),
    ],
)
