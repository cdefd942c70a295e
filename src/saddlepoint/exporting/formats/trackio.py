"""trackio: a dashboard whose data stays in a folder of this machine."""

from __future__ import annotations

import contextlib
import importlib
import io
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from saddlepoint.core.errors import RunFailed
from saddlepoint.core.files import whole_folder
from saddlepoint.core.registry import register
from saddlepoint.core.runs import Run
from saddlepoint.exporting.contract import Leaving, Log, Tracker
from saddlepoint.exporting.following import Following

PROJECT = "saddlepoint"
_REMOTE = ("TRACKIO_SPACE_ID", "TRACKIO_SERVER_URL", "TRACKIO_BUCKET_ID", "TRACKIO_WEBHOOK_URL")
_GIVE = "import sys; from saddlepoint.exporting.formats.trackio import give; give(sys.argv[1])"
_LEVELS = {"info": "INFO", "warn": "WARN", "fatal": "ERROR"}


@register("trackio")
@dataclass(frozen=True, kw_only=True)
class Trackio(Tracker):
    """A folder for `TRACKIO_DIR=FOLDER trackio show`: scalars, grids, findings as alerts.

    The step is the number of images, the project "saddlepoint", the run's name its folder's. While
    a run trains, trackio's own folder is used; a run that was resumed is there once for each part.
    Nothing is sent anywhere, whatever trackio's variables say: `trackio sync` does that.
    """

    needs = ("trackio",)
    extra = "trackio"

    def begin(self, run: Run, folder: Path) -> Log:
        return _Log(run)

    def write(self, leaving: Leaving, out: Path) -> None:
        run = leaving.require_run()
        with whole_folder(out) as folder:
            # A process of its own: trackio takes its folder from the environment, once.
            done = subprocess.run(
                [sys.executable, "-c", _GIVE, str(run.path)],
                env={**os.environ, "TRACKIO_DIR": str(folder)},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
            )
            if done.returncode or not any(folder.glob("*.db")):
                said = done.stderr.strip().splitlines() or ["no database was written"]
                raise RunFailed(f"Trackio could not take {run.path} ({said[-1]}).")


def give(path: str) -> None:
    """Hand a run to trackio, in the folder that it has."""
    Following(Trackio(), Run.open(path), Path()).close()


class _Log(Log):
    def __init__(self, run: Run) -> None:
        with _locally():
            self.trackio: Any = importlib.import_module("trackio")
            self.run: Any = self.trackio.init(
                PROJECT,
                name=run.path.resolve().name,
                config=run.document.get("config"),
                embed=False,
                auto_log_gpu=False,
                auto_log_cpu=False,
            )

    def scalars(self, values: Mapping[str, float], n_images: int, seconds: float) -> None:
        # `step` is a word of trackio's own.
        renamed = {"steps" if name == "step" else name: value for name, value in values.items()}
        self.run.log(renamed, step=n_images)

    def picture(self, path: Path, n_images: int) -> None:
        self.run.log({"samples": self.trackio.Image(str(path))}, step=n_images)

    def finding(self, name: str, message: str, severity: str, n_images: int) -> None:
        level = self.trackio.AlertLevel[_LEVELS[severity]]
        with _locally():
            self.run.alert(title=name, text=message, level=level, step=n_images)

    def flush(self) -> None:
        """Its own thread writes every half second."""

    def close(self) -> None:
        with _locally():
            self.trackio.finish()


@contextlib.contextmanager
def _locally() -> Iterator[None]:
    """Without the variables that make trackio send, and without what it prints."""
    kept = {name: os.environ.pop(name) for name in _REMOTE if name in os.environ}
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        os.environ.update(kept)
