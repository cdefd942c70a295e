"""A new run: a form made of the configuration, and the command that does the same."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from saddlepoint.core.errors import InputError
from saddlepoint.reporting.messages import in_languages
from saddlepoint.studio.form import Order, Wanted, data_sets, presets
from saddlepoint.studio.strings import texts
from saddlepoint.studio.view import View, command_of, in_thread, language_of, studio_of


def choices(request: Request) -> Response:
    """What the form begins with."""
    choices = {
        "presets": _meant(presets(), "about", request),
        "data": _meant(data_sets(), "about", request),
        "paths": studio_of(request).paths,
    }
    return JSONResponse(choices)


async def check(request: Request) -> Response:
    """What was chosen so far -> its fields and the command, or what is wrong with it."""
    wanted, studio = await command_of(request, Wanted), studio_of(request)

    def answer() -> dict[str, Any]:
        try:
            order = Order(wanted, studio.library.root, studio.paths)
        except InputError as error:
            return {"error": in_languages(str(error))}
        return {
            "command": order.command,
            "fields": _meant(order.fields(), "text", request),
            "components": order.components(),
            "penalties": order.penalties(),
            "doubts": [in_languages(doubt) for doubt in order.config.doubts()],
            "name": order.name,
        }

    return JSONResponse(await in_thread(answer))


def _meant(rows: list[dict[str, Any]], key: str, request: Request) -> list[dict[str, Any]]:
    """Rows with what they mean in the language of the page. It is written in English beside what
    it is about, and in other languages by that text."""
    known = texts(language_of(request))
    return [{**row, key: known.get(f"fields.{row[key]}", row[key])} for row in rows]


async def begin(request: Request) -> Response:
    """Start the run that was chosen; returns its id."""
    wanted, studio = await command_of(request, Wanted), studio_of(request)

    def start() -> dict[str, str]:
        order = Order(wanted, studio.library.root, studio.paths)
        job = studio.jobs.start(order.argv, order.name)
        studio.library.forget()
        return {"id": studio.library.id_of(studio.library.root / order.name), "job": job}

    return JSONResponse(await in_thread(start))


VIEW = View(
    name="start",
    order=2,
    routes=[
        Route("/", choices),
        Route("/check", check, methods=["POST"]),
        Route("/begin", begin, methods=["POST"]),
    ],
)
