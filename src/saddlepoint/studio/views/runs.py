"""All runs: what each one is, how far it is, what it looks like, what is wrong with it; and what
can be done with one: stop, resume, extend, delete."""

from __future__ import annotations

from typing import Any, TypedDict

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from saddlepoint.core.errors import InputError
from saddlepoint.core.runs import Run
from saddlepoint.reporting.facts import as_typed
from saddlepoint.studio.held import held
from saddlepoint.studio.library import NotFound
from saddlepoint.studio.pictures import picture_response, sheet_of, thumbnail
from saddlepoint.studio.view import Nothing, Studio, View, command_of, in_thread, studio_of


def listing(request: Request) -> Response:
    """Every run as `Library.line`, what was started and is not a run yet, and their folder."""
    studio = studio_of(request)
    lines = [studio.library.line(id) for id in studio.library.runs()]
    return JSONResponse(
        {"folder": str(studio.library.root), "runs": [*studio.pending().values(), *lines]}
    )


def one(request: Request) -> Response:
    """One run as in `listing`."""
    return JSONResponse(studio_of(request).line(request.path_params["id"]))


def picture(request: Request) -> Response:
    """The newest grid of a run, small."""
    run = studio_of(request).library.run(request.path_params["id"])
    if not run.samples:
        raise NotFound("This run has drawn no samples yet.")
    file = run.samples[-1]
    content = thumbnail(file, file.stat().st_mtime_ns, sheet_of(run.document))
    return picture_response(content, request)


class More(TypedDict, total=False):
    """How long to go on; without either, to the end of the budget that the run has."""

    kimg: float | None
    minutes: float | None


async def stop(request: Request) -> Response:
    """Ask a run to save and stop."""
    await command_of(request, Nothing)
    return JSONResponse(await in_thread(_stop, studio_of(request), request.path_params["id"]))


async def resume(request: Request) -> Response:
    """Go on with a run, or extend a finished one."""
    more = await command_of(request, More)
    return JSONResponse(
        await in_thread(_resume, studio_of(request), request.path_params["id"], more)
    )


async def delete(request: Request) -> Response:
    """Move a run to the trash; returns the number that `restore` takes."""
    await command_of(request, Nothing)
    studio = studio_of(request)

    def move() -> dict[str, str]:
        number = studio.trash.take(studio.library.run(request.path_params["id"]))
        studio.library.forget()
        return {"trash": number}

    return JSONResponse(await in_thread(move))


async def restore(request: Request) -> Response:
    """Take a run back from the trash."""
    await command_of(request, Nothing)
    studio = studio_of(request)
    await in_thread(studio.trash.put_back, request.path_params["number"])
    studio.library.forget()
    return JSONResponse({})


def _stop(studio: Studio, id: str) -> dict[str, Any]:
    run = studio.library.run(id)
    if studio.library.line(id)["state"] != "running":
        raise InputError("This run is not training now.")
    job = studio.job_of(run)
    # A signal is noticed at the next step; the file, at the next tick.
    if job is None or not studio.jobs.interrupt(job["job"]):
        run.ask("stop")
    return {}


def _resume(studio: Studio, id: str, more: More) -> dict[str, Any]:
    from saddlepoint.training.guards import check_budget

    run = studio.library.run(id)
    if studio.library.line(id)["state"] == "running":
        raise InputError("This run is training already.")
    kimg, minutes = more.get("kimg"), more.get("minutes")
    check_budget(kimg, minutes)
    with held(run):  # else the new process would be refused what the old one still writes
        pass
    argv = ["resume", str(run.path)]
    argv += [] if kimg is None else ["--kimg", as_typed(kimg)]
    argv += [] if minutes is None else ["--minutes", as_typed(minutes)]
    return {"job": studio.jobs.start(argv, _relative(studio, run))}


def _relative(studio: Studio, run: Run) -> str:
    return str(run.path.relative_to(studio.library.root))


VIEW = View(
    name="runs",
    order=1,
    routes=[
        Route("/", listing),
        Route("/trash/{number}/restore", restore, methods=["POST"]),
        Route("/{id}", one),
        Route("/{id}/picture", picture),
        Route("/{id}/stop", stop, methods=["POST"]),
        Route("/{id}/resume", resume, methods=["POST"]),
        Route("/{id}/delete", delete, methods=["POST"]),
    ],
)
