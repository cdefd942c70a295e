"""What a view is: one Python file of routes, one JavaScript module, one file of strings a language.

Adding a view `play` is adding files and changing none: `views/play.py` defines `VIEW`,
`static/views/play.js` exports `mount(place, studio)`, which may return what undoes it, and
`strings/play.en.json` and `strings/play.vi.json` hold its texts, of which `title` stands in the
menu.
"""

from __future__ import annotations

import importlib
import pkgutil
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypedDict

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.routing import Route

from saddlepoint.core.errors import InputError
from saddlepoint.core.json_files import parse
from saddlepoint.core.runs import Run
from saddlepoint.core.shapes import shaped
from saddlepoint.core.texts import LANGUAGES, Language
from saddlepoint.reporting.messages import in_languages
from saddlepoint.studio.events import Events
from saddlepoint.studio.histories import Histories
from saddlepoint.studio.jobs import Jobs
from saddlepoint.studio.library import Library
from saddlepoint.studio.trash import Trash

MOST_BYTES = 2**16
"""Of the body of a command."""


@dataclass(frozen=True)
class Studio:
    """What the views stand on; `studio_of(request)` gives it."""

    library: Library
    jobs: Jobs
    trash: Trash
    histories: Histories
    events: Events
    paths: bool = True
    """Whether paths on this machine may be named: only by a page on this machine."""
    token: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    """That each POST carries."""

    @classmethod
    def over(cls, root: Path, paths: bool = True) -> Studio:
        """The studio over a folder of runs."""
        return cls(Library(root), Jobs(root), Trash(root), Histories(), Events(), paths)

    def job_of(self, run: Run) -> dict[str, Any] | None:
        """The last command that was started here for a run, as `Jobs.job`."""
        return self.jobs.newest_of(run.path.relative_to(self.library.root).as_posix())

    def line(self, id: str) -> dict[str, Any]:
        """One run as the list shows it; raises NotFound."""
        return self.pending().get(id) or self.library.line(id)

    def pending(self) -> dict[str, dict[str, Any]]:
        """Id -> a line for what was started and has no run folder yet, or never got one."""
        found: dict[str, dict[str, Any]] = {}
        runs, taken = self.library.runs(), self.trash.taken()
        for job in self.jobs.recent():
            id = self.library.id_of(self.library.root / job["run"])
            # The newest job counts; one that ended well has had its folder, and so has one whose
            # run was deleted since.
            over = job["code"] in (0, 130) or job["started"] < taken.get(job["run"], 0.0)
            if id not in found and id not in runs and not over:
                why = None if job["running"] else in_languages(self.jobs.last_line(job["job"]))
                found[id] = {
                    "id": id,
                    "path": job["run"],
                    "title": job["run"],
                    "state": "not-started" if job["running"] else "failed",
                    "heartbeat": job["started"],
                    "error": why,
                    "images": 0,
                    "findings": [],
                    "scores": {},
                    "pending": True,
                }
        return found


class Nothing(TypedDict):
    """A command without details."""


in_thread = run_in_threadpool
"""For what an `async` handler does that reads files or computes."""


@dataclass(frozen=True, kw_only=True)
class View:
    """A page of the studio, at `/<name>`."""

    name: str
    """Of its files, its page and its routes; lower-case letters."""
    order: int
    """Its place in the menu, from the left."""
    routes: Sequence[Route] = ()
    """Below `/api/<name>`. A handler that reads files or computes is a plain function, which runs
    in a thread of its own; GET changes nothing."""
    in_menu: bool = True
    """False for a page that is reached from another one only."""
    most_bytes: int = MOST_BYTES
    """Of the body of a request to one of its routes."""


def all_views() -> list[View]:
    """Every view, in the order of the menu."""
    home = importlib.import_module("saddlepoint.studio.views")
    names = [m.name for m in pkgutil.iter_modules(home.__path__) if not m.name.startswith("_")]
    found = [importlib.import_module(f"{home.__name__}.{name}").VIEW for name in names]
    return sorted(found, key=lambda view: (view.order, view.name))


def studio_of(request: Request) -> Studio:
    """The studio that a request is answered by."""
    return request.app.state.studio


def language_of(request: Request) -> Language:
    """The language of the page that asks: as it was chosen there, or as the browser is set."""
    wanted = [request.cookies.get("language", "")]
    wanted += [part[:2].lower() for part in request.headers.get("accept-language", "").split(",")]
    found: list[Language] = [known for one in wanted for known in LANGUAGES if known == one]
    return found[0] if found else LANGUAGES[0]


async def command_of(request: Request, hint: type[Any]) -> Any:
    """The JSON body of a POST, checked.

    Args:
        hint: a TypedDict.

    Raises:
        InputError: not JSON, or a field is missing, unknown or of a wrong type.
    """
    document = shaped(parse(await request.body(), "The command"), hint, "command")
    if unknown := sorted(document.keys() - hint.__annotations__.keys()):
        raise InputError(f"The command has an unknown field {unknown[0]!r}.")
    return document
