"""One run, watched: its samples over time, its curves, what the doctor says, what it printed."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from saddlepoint.core.json_files import parse
from saddlepoint.core.reading import read_bytes
from saddlepoint.core.runs import Run, images_of
from saddlepoint.reporting.facts import Facts
from saddlepoint.studio.library import NotFound
from saddlepoint.studio.pictures import picture_response
from saddlepoint.studio.view import View, studio_of


def _run(request: Request) -> Run:
    return studio_of(request).library.run(request.path_params["id"])


def overview(request: Request) -> Response:
    """What a run is and how far it is, without its curves."""
    studio, run = studio_of(request), _run(request)
    facts = Facts.of(run)
    job = studio.jobs.newest_of(str(run.path.relative_to(studio.library.root)))
    return JSONResponse(
        {
            **studio.library.line(request.path_params["id"]),
            "facts": facts.summary(),
            "samples": [{"name": p.name, "images": images_of(p)} for p in run.samples],
            "commands": facts.commands(),
            "job": job,
            "log": studio.jobs.log(job["job"]) if job else "",
        }
    )


def figures(request: Request) -> Response:
    """The figures of the report, as plotly takes them."""
    # plotly and the losses behind the wording take seconds to load.
    from saddlepoint.reporting.figures import drawn

    return JSONResponse(
        [
            {"title": title, "text": text, "figure": parse(str(figure.to_json()), title)}
            for title, figure, text in drawn(_run(request))
        ]
    )


def sample(request: Request) -> Response:
    """One sample grid."""
    named = {path.name: path for path in _run(request).samples}
    file = named.get(request.path_params["name"])
    if file is None:
        raise NotFound("There is no such sample grid.")
    return picture_response(read_bytes(file), request)


VIEW = View(
    name="live",
    order=2,
    in_menu=False,
    routes=[
        Route("/{id}", overview),
        Route("/{id}/figures", figures),
        Route("/{id}/samples/{name}", sample),
    ],
)
