"""A run folder handed on to a tracker: all that it holds, then what is added while it trains."""

from __future__ import annotations

import datetime
import logging
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from saddlepoint.core.errors import InputError
from saddlepoint.core.runs import Run
from saddlepoint.core.snapshot_names import images_of
from saddlepoint.core.streams import tell
from saddlepoint.evaluation.scores import read_scores
from saddlepoint.exporting.contract import Log, Tracker
from saddlepoint.training.monitor import Monitor

log = logging.getLogger("saddlepoint")


class Following:
    """Reads the folder and nothing else, so that a run that trains and one that has ended give the
    same log.

    Args:
        folder: where the tracker may keep its files.
    """

    def __init__(self, tracker: Tracker, run: Run, folder: Path) -> None:
        self.tracker, self.run, self.folder = tracker, run, folder
        self.created = _seconds_of(run.document.get("created"))
        self.log: Log | None = None
        self._begin()

    def row(self, row: dict[str, Any]) -> None:
        """Hand on a new line of metrics, and whatever else is new in the folder."""
        if row["images"] <= self.n_images:  # the run went back, and its files with it
            self._begin()
        else:
            self._row(row)
            self._others()

    def close(self) -> None:
        ended, self.log = self.log, None
        if ended is not None:
            ended.close()

    def _begin(self) -> None:
        """From the start: no tracker takes back what it was given, but a run may go back."""
        self.close()
        self.log = self.tracker.begin(self.run, self.folder)
        self.n_images, self.n_findings = -1, 0
        self.seen: set[Path] = set()
        try:
            for row in self.run.history.rows:
                self._row(row)
            self._others()
        except BaseException:
            with suppress(Exception):  # the first error is the one to tell
                self.close()
            raise

    def _row(self, row: dict[str, Any]) -> None:
        assert self.log is not None
        self.n_images = row["images"]
        numbers = {name: value for name, value in row.items() if isinstance(value, int | float)}
        del numbers["images"]
        finite = {name: value for name, value in numbers.items() if math.isfinite(value)}
        self.log.scalars(finite, self.n_images, self.created + row.get("seconds", 0.0))

    def _others(self) -> None:
        assert self.log is not None
        for path in self._new(self.run.samples):
            try:
                self.log.picture(path, images_of(path))
            except InputError as error:
                log.warning("%s It is left out.", error)
        for path in self._new(self.run.scores):
            # The newest of a checkpoint: protocols cannot share a curve.
            for score in read_scores(path)[-1:]:
                numbers = score["values"].items()
                values = {f"scores/{name}": number["value"] for name, number in numbers}
                self.log.scalars(values, images_of(path), path.stat().st_mtime)
        findings = self.run.findings
        for line in findings[self.n_findings :]:
            message = line.get("message") or line["event"]
            self.log.finding(line["name"], message, line.get("severity", "info"), line["at_images"])
        self.n_findings = len(findings)
        self.log.flush()

    def _new(self, paths: list[Path]) -> list[Path]:
        new = [path for path in paths if path not in self.seen]
        self.seen.update(new)
        return new


class Live:
    """Hands on the lines of a run in training; a tracker that fails is dropped with a warning."""

    def __init__(self, tracker: Tracker, run: Run) -> None:
        self.name, self.run = tracker.kind, run
        self._following: Following | None = None
        self._try(lambda: self._start(tracker))

    def tick(self, row: dict[str, Any]) -> None:
        """Call with each line of metrics, once it is written."""
        following = self._following
        if following is not None:
            self._try(lambda: following.row(row))

    def close(self) -> None:
        following = self._following
        if following is not None:
            self._try(following.close)

    def _start(self, tracker: Tracker) -> None:
        self._following = Following(tracker, self.run, self.run.tracking_folder)

    def _try(self, step: Callable[[], None]) -> None:
        try:
            step()
        except Exception as error:  # whatever a tracker raises must not cost the run
            following, self._following = self._following, None
            with suppress(Exception):
                if following is not None:
                    following.close()
            tell(
                f"warning: {self.name} is left out from here on ({type(error).__name__}: {error}); "
                f"afterwards: saddle export {self.run.path} --format {self.name} --out FOLDER."
            )


@contextmanager
def followed(run: Run, tracker: Tracker | None, monitor: Monitor) -> Iterator[None]:
    """While it holds, each tick of the training is handed to the tracker, if there is one."""
    live = None if tracker is None else Live(tracker, run)
    monitor.on_tick = None if live is None else live.tick
    try:
        yield
    finally:
        monitor.on_tick = None
        if live is not None:
            live.close()


def _seconds_of(created: Any) -> float:
    """Seconds since 1970; now for a run that does not say when it began."""
    try:
        return datetime.datetime.fromisoformat(created).timestamp()
    except (TypeError, ValueError):
        return time.time()
