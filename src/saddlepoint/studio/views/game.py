"""The game in the plane: two small nets, watched and played move by move."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, TypedDict

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from saddlepoint.studio.view import View, command_of

if TYPE_CHECKING:
    from saddlepoint.studio.game.table import Table


class Wish(TypedDict):
    """Which frame is wanted."""

    name: str
    """Of the game, so that its next moves go on where it is."""
    game: str
    """Its text."""
    at: int
    measure: bool
    """With the distances of both distributions."""
    label: int
    """In a game with labels: the one whose surface is shown."""


@cache
def _table() -> Table:
    # torch takes seconds to load; the studio's other pages need not wait for it.
    from saddlepoint.studio.game.table import Table

    return Table()


async def play(request: Request) -> Response:
    """Make a game's moves, and show it."""
    wish = await command_of(request, Wish)
    return JSONResponse(await run_in_threadpool(_play, **wish))


def _play(name: str, game: str, at: int, measure: bool, label: int) -> dict[str, Any]:
    return _table().play(name, game, at, measure, label)


def form(request: Request) -> Response:
    """What can be set, and the failures on demand."""
    from saddlepoint.studio.game.form import form

    return JSONResponse(form())


VIEW = View(
    name="game",
    order=5,
    routes=[Route("/play", play, methods=["POST"]), Route("/form", form)],
)
