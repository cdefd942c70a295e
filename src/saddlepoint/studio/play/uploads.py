"""Uploaded pictures and the search for their latents, each in a thread of its own."""

from __future__ import annotations

import secrets
import shlex
import tempfile
import threading
import time
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np

from saddlepoint.core.errors import InputError, RunFailed
from saddlepoint.core.images import png_bytes, to_uint8
from saddlepoint.core.outputs import writing
from saddlepoint.data.picture import as_image
from saddlepoint.evaluation.projecting import features_for
from saddlepoint.reporting.facts import saddle_command
from saddlepoint.reporting.messages import in_languages
from saddlepoint.sampling.projection import Features, Projection, Step, project
from saddlepoint.studio.library import NotFound
from saddlepoint.studio.play.background import BACKGROUND, Ended
from saddlepoint.studio.play.drawing import sheet
from saddlepoint.studio.play.models import Model
from saddlepoint.studio.play.slow import from_cache
from saddlepoint.studio.play.wish import named, write_latent

MOST_RUNNING, KEPT = 2, 16
"""Searches at once, and searches whose results are kept until they are asked for."""
FORSAKEN = 15.0
"""Seconds after which a search that nobody asks about ends: its tab was closed."""
STEPS = 200
"""As `saddle project` takes unless it is told otherwise."""
SHOWN_EVERY = 5
"""Steps between two of the images that are shown on the way."""
FAULT = "The studio met a fault of its own; its terminal says where."
_DECODING = threading.Lock()
"""One picture at a time: a large one takes a gigabyte while it is read."""


class Search:
    """The latent of one picture, while it is being looked for and when it was found."""

    def __init__(self, model: Model, content: bytes, name: str) -> None:
        """Raises InputError for bytes that are not a picture."""
        self.model, self.name = model, name
        with _DECODING:
            self.picture, self.notes = as_image(content, model.sampler.spec, "This picture")
        self._stopped = False
        self._asked = time.monotonic()
        self._curve: list[float] = []
        self._image: np.ndarray | None = None
        self._state: dict[str, Any] = {"state": "searching"}
        self.thread: threading.Thread | None = None

    @property
    def running(self) -> bool:
        return self.thread is not None and self.thread.is_alive()

    def begin(self) -> None:
        """Look for it, in a thread of its own."""
        self.thread = BACKGROUND.begin(self._run)

    def stop(self) -> None:
        """End at the next step."""
        self._stopped = True

    def answer(self) -> dict[str, Any]:
        """Where it is: state (learning, searching, found, stopped, failed), the error before each
        step in grey levels, and the image as it is now."""
        self._asked = time.monotonic()
        if self._state["state"] in ("learning", "searching") and not self.running:
            self._state = {"state": "failed", "error": in_languages(FAULT)}
        image = self._image
        shown = {} if image is None else {"image": sheet(image[None])}
        return {**self._state, "of": STEPS, "curve": self._curve, **shown}

    def _run(self) -> None:
        try:
            features = self._features()
            found = project(self.model.sampler, self.picture, features, progress=self._step)
            self._found(found)
        except Ended:
            self._state = {"state": "stopped"}
        except (InputError, RunFailed) as error:
            self._state = {"state": "failed", "error": in_languages(str(error))}

    def _features(self) -> Features | None:
        model, sampler = named(self.model), self.model.sampler
        with writing("A temporary file"), tempfile.TemporaryDirectory(prefix="saddle-") as folder:
            picture = Path(folder) / "picture.png"
            picture.write_bytes(png_bytes(self.picture))
            words = ["project", model, str(picture), "--out", f"{folder}/found"]

            def learning() -> None:
                self._state = {"state": "learning"}

            features, said = from_cache(
                lambda progress: features_for(Path(model), sampler, "auto", progress),
                [*words, "--steps", "1", "--quiet"],
                learning,
            )
        self._state = {"state": "searching", "features": in_languages(said)}
        return features

    def _step(self, now: Step) -> None:
        BACKGROUND.check()
        if self._stopped or time.monotonic() - self._asked > FORSAKEN:
            raise Ended
        best = int(now.losses.argmin())
        self._curve.append(round(float(now.squares[best].sqrt()) * 127.5, 3))
        if now.done % SHOWN_EVERY == 0:
            self._image = to_uint8(now.images[best : best + 1].cpu().numpy())[0]

    def _found(self, found: Projection) -> None:
        self._image = found.image
        self._curve = [round(float(error), 3) for error in found.curves[found.start]]
        place = Path(self.name).stem or "picture"
        words = ["project", named(self.model), self.name, "--out", f"{place}-projected"]
        self._state = self._state | {
            "state": "found",
            "latent": write_latent(found.z),
            "label": found.label,
            "apart": round(found.error, 2),
            "command": f"{saddle_command()} {shlex.join(words)}",
        }


class Searches:
    """All of them, by a name that cannot be guessed; safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._all: OrderedDict[str, Search] = OrderedDict()

    def begin(self, model: Model, content: bytes, name: str) -> str:
        """Start a search; returns its name.

        Raises:
            InputError: as `Search`.
            RunFailed: enough others are running.
        """
        search = Search(model, content, name)
        with self._lock:
            if sum(other.running for other in self._all.values()) >= MOST_RUNNING:
                raise RunFailed("Other searches are running; wait until one is done, or stop it.")
            key = secrets.token_urlsafe(9)
            self._all[key] = search
            while len(self._all) > KEPT:
                self._all.popitem(last=False)[1].stop()
            search.begin()
            return key

    def of(self, key: str) -> Search:
        """Raises NotFound for a search that is unknown, or long over."""
        search = self._all.get(key)
        if search is None:
            raise NotFound("This search is no longer known; choose the picture again.")
        return search


SEARCHES = Searches()
