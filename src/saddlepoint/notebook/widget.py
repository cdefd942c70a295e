"""The widgets: a view of the studio in a frame, whose requests this process answers."""

from __future__ import annotations

import threading
import time
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, TypedDict
from urllib.parse import quote

import anywidget
import traitlets

from saddlepoint.core.json_files import parse
from saddlepoint.core.runs import Run
from saddlepoint.core.shapes import shaped
from saddlepoint.core.texts import Language
from saddlepoint.notebook.kernel import Kernel
from saddlepoint.studio.library import Library, stamp_of

SECONDS = 1.0
"""Between two looks at a run's folder."""
SHARE = 0.05
"""Of the time that is spent on showing a run, where a pause of CLOCK_SECONDS allows it: it may be
training in this process."""
CLOCK_SECONDS = 15.0
"""After which a run is shown anew although it wrote nothing: it may have gone silent."""
_HERE = Path(str(resources.files("saddlepoint.notebook"))) / "static"
_STUDIO = Path(str(resources.files("saddlepoint.studio"))) / "static"
_STYLES = (_STUDIO / "studio.css", _HERE / "notebook.css")


class Asked(TypedDict):
    """A message of the frame: what a browser would ask a server for."""

    id: str
    """Of this question."""
    method: str
    address: str
    body: str


class Widget(anywidget.AnyWidget):
    """A view of the studio."""

    _esm = _HERE / "frame.js"
    _view = traitlets.Unicode().tag(sync=True)
    _language = traitlets.Unicode().tag(sync=True)
    _height = traitlets.Int().tag(sync=True)
    _modules = traitlets.Dict().tag(sync=True)
    """Name -> source, of every module that the view stands on."""
    _style = traitlets.Unicode().tag(sync=True)
    _files = traitlets.Dict().tag(sync=True)
    """Address -> bytes, of what must be there while the process is busy."""
    _known = traitlets.Dict().tag(sync=True)
    """Address -> answer, in the same way, and the newest each time."""
    _rest = traitlets.Unicode().tag(sync=True)
    """The address behind the view's name."""
    script = traitlets.Unicode().tag(sync=True)
    """The address behind the question mark: of a game, its text."""

    def __init__(
        self, kernel: Kernel, view: str, lang: Language, height: int, **given: Any
    ) -> None:
        self._kernel = kernel
        super().__init__(
            _view=view,
            _language=lang,
            _height=height,
            _modules=_modules(view, kernel.ask("GET", f"/texts/{lang}.js").body.decode()),
            _style="\n".join(file.read_text(encoding="utf-8") for file in _STYLES),
            **given,
        )
        self.on_msg(self._on_message)

    def answer(self, asked: Any) -> tuple[dict[str, Any], list[bytes]]:
        """What the studio answers to a message of the frame.

        Args:
            asked: as `Asked`.

        Returns:
            What is sent back, and beside it the body of the answer.
        """
        wanted = shaped(asked, Asked, "message")
        answer = self._kernel.ask(wanted["method"], wanted["address"], wanted["body"].encode())
        return {"id": wanted["id"], "status": answer.status}, [answer.body]

    def _on_message(self, widget: Any, content: Any, buffers: Any) -> None:
        said, bodies = self.answer(content)
        self.send(said, bodies)


class GameWidget(Widget):
    """The game in the plane."""

    def __init__(self, script: str, lang: Language, height: int) -> None:
        super().__init__(Kernel(Path("runs"), lang), "game", lang, height, script=script)


class RunWidget(Widget):
    """One run. Looks at its folder in a thread of its own until it is closed."""

    def __init__(self, path: Path, lang: Language, height: int) -> None:
        self._run = Run(path)
        self._closed = threading.Event()
        id = Library(path).id_of(path)
        self._address = f"/api/live/{quote(id, safe='')}"
        kernel = Kernel(path, lang)
        files = {
            address: kernel.ask("GET", address).body
            for address in ("/static/plotly.min.js", "/static/plotly.css")
        }
        super().__init__(kernel, "live", lang, height, _files=files, _rest=id)
        self.refresh()
        threading.Thread(target=self._keep_looking, daemon=True).start()

    def refresh(self) -> bool:
        """Show the run as it is now; whether it is there."""
        overview = self._kernel.ask("GET", self._address)
        if overview.status != 200:
            return False
        shown = parse(overview.body, "the overview")
        known = {self._address: shown}
        figures = self._kernel.ask("GET", f"{self._address}/figures")
        if figures.status == 200:
            known[f"{self._address}/figures"] = parse(figures.body, "the figures")
        if shown["samples"]:
            newest = f"{self._address}/samples/{quote(shown['samples'][-1]['name'], safe='')}"
            known[newest] = self._kernel.ask("GET", newest).body
        self._known = known
        return True

    def close(self) -> None:
        """Take the widget out of the notebook, and look at the folder no more."""
        self._closed.set()
        super().close()

    def _keep_looking(self) -> None:
        seen, began, pause = None, 0.0, SECONDS
        while not self._closed.wait(pause):
            stamp = stamp_of(self._run)
            if stamp != seen or time.monotonic() - began > CLOCK_SECONDS:
                seen, began = stamp, time.monotonic()
                self.refresh()
                spent = time.monotonic() - began
                pause = min(CLOCK_SECONDS, max(SECONDS, spent / SHARE))


def _modules(view: str, texts: str) -> dict[str, str]:
    """Name -> source; what talks to the server is replaced by what talks to this process."""
    shared = {**_sources(_STUDIO), **_sources(_HERE), "texts.js": texts}
    others = {"studio.js", "frame.js"}
    others |= {name for name in shared if name.startswith("views/") and name != f"views/{view}.js"}
    return {name: source for name, source in shared.items() if name not in others}


@cache
def _sources(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8")
        for path in folder.rglob("*.js")
    }
