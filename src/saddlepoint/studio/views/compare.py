"""Several runs side by side: images of one seed, curves over one another, scores, differences."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from saddlepoint.core.errors import InputError
from saddlepoint.core.json_files import parse
from saddlepoint.core.runs import Run
from saddlepoint.reporting.strings import words_in
from saddlepoint.studio.compared import chosen, comparison, samples
from saddlepoint.studio.view import View, language_of, studio_of

_BY_TIME = {"images": False, "time": True}
"""What curves are drawn over, as an address says it."""


def _chosen(request: Request) -> tuple[dict[str, Run], list[str]]:
    return chosen(studio_of(request), request.query_params.get("runs", "").split(","))


def overview(request: Request) -> Response:
    """The runs of `?runs=ID,ID` without curves and images, and the ids that are not runs."""
    runs, missing = _chosen(request)
    found = comparison(studio_of(request), runs, words_in(language_of(request)))
    return JSONResponse({**found, "missing": missing})


def figures(request: Request) -> Response:
    """The curves of `?runs=ID,ID&over=images|time`; `complete` is false while a long history is
    still being read: then ask again, with `&drawn` once its overview is drawn."""
    from saddlepoint.reporting.overlays import overlays_of

    over = request.query_params.get("over", "images")
    if over not in _BY_TIME:
        raise InputError(f"Curves are drawn over {' or '.join(_BY_TIME)}, not {over[:20]!r}.")
    studio, (runs, _) = studio_of(request), _chosen(request)
    read, complete = [], True
    for id, run in runs.items():
        line = studio.library.line(id)
        if line["state"] != "damaged":
            history, whole = studio.histories.of(run)
            complete &= whole
            read.append((line["path"], run.document, history))
    if not complete and "drawn" in request.query_params:
        return JSONResponse({"complete": False, "figures": []})
    drawn = [
        {
            "name": one.column,
            "title": one.title,
            "text": one.text,
            "figure": parse(str(one.figure.to_json()), one.column),
        }
        for one in overlays_of(read, _BY_TIME[over], words_in(language_of(request)))
    ]
    return JSONResponse({"complete": complete, "figures": drawn})


def images(request: Request) -> Response:
    """Images of a run from `?seed=` on."""
    seed = request.query_params.get("seed", "0")
    if not (seed.isascii() and seed.isdecimal() and len(seed) < 20):
        raise InputError(f"The seed must be a whole number of at least 0, not {seed[:20]!r}.")
    run = studio_of(request).library.run(request.path_params["id"])
    return JSONResponse(samples(run, int(seed)))


VIEW = View(
    name="compare",
    order=4,
    routes=[
        Route("/", overview),
        Route("/figures", figures),
        Route("/{id}/samples", images),
    ],
)
