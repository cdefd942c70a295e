"""All runs: what each one is, how far it is, what it looks like, and what is wrong with it."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from saddlepoint.studio.library import NotFound
from saddlepoint.studio.pictures import picture_response, thumbnail
from saddlepoint.studio.view import View, studio_of


def listing(request: Request) -> Response:
    """Every run as `Library.line`, with the folder that they are in."""
    library = studio_of(request).library
    return JSONResponse(
        {"folder": str(library.root), "runs": [library.line(id) for id in library.runs()]}
    )


def one(request: Request) -> Response:
    """One run as `Library.line`."""
    return JSONResponse(studio_of(request).library.line(request.path_params["id"]))


def picture(request: Request) -> Response:
    """The newest grid of a run, small."""
    library, id = studio_of(request).library, request.path_params["id"]
    run = library.run(id)
    if not run.samples:
        raise NotFound("This run has drawn no samples yet.")
    file = run.samples[-1]
    return picture_response(
        thumbnail(file, file.stat().st_mtime_ns, bool(library.line(id).get("points"))), request
    )


VIEW = View(
    name="runs",
    order=1,
    routes=[
        Route("/", listing),
        Route("/{id}", one),
        Route("/{id}/picture", picture),
    ],
)
