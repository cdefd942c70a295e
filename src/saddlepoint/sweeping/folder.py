"""sweep.json: what a sweep was asked for, and what it has decided so far."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypedDict

from saddlepoint.core.checks import refuse_newer
from saddlepoint.core.documents import Count
from saddlepoint.core.errors import InputError
from saddlepoint.core.files import remove_leftovers
from saddlepoint.core.flat import flatten
from saddlepoint.core.json_files import read_json, write_json
from saddlepoint.core.outputs import writing
from saddlepoint.core.run_lock import locked
from saddlepoint.core.runs import Run

SCHEMA = 1
OWN = "sweep.json"


class TrialLine(TypedDict):
    """One trial of sweep.json."""

    settings: dict[str, Any]
    pruned: list[Count]
    """Seeds whose training was ended, as others were better."""


class SweepFile(TypedDict):
    """sweep.json."""

    schema: Count
    asked: dict[str, Any]
    trials: list[TrialLine]


class SweepFolder:
    """The folder of a sweep: sweep.json, results.json, sweep.html, logs/, and a run folder for each
    training.

    Args:
        path: from `output_folder`.
        asked: what must be the same when the sweep goes on.

    Raises:
        InputError: it holds a sweep of other settings, or cannot be read.
    """

    def __init__(self, path: Path, asked: dict[str, Any]) -> None:
        self.path = path
        self.page, self.results = self.path / "sweep.html", self.path / "results.json"
        self._asked, self.trials = asked, list[TrialLine]()
        self._file = self.path / OWN
        if self._file.is_file():
            self.trials = self._read()

    def _read(self) -> list[TrialLine]:
        before: SweepFile = read_json(self._file, SweepFile)
        refuse_newer(self.path, before["schema"], SCHEMA)
        was, now = flatten(before["asked"]), flatten(self._asked)
        names = [name for name in {**was, **now} if was.get(name) != now.get(name)]
        if names:
            said = ", ".join(name.removeprefix("configuration.") for name in names[:5])
            raise InputError(
                f"--out {self.path} holds a sweep with another {said}; give the same command as "
                f"then ({self.results} has it), or another folder."
            )
        return before["trials"]

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the folder for writing, so that two sweeps never share one.

        Raises:
            InputError: another process holds it.
        """
        with writing(f"--out {self.path}"):
            self.path.mkdir(parents=True, exist_ok=True)
        if not self._file.is_file():
            self.save()  # first of all: by this file the folder is known after a kill
        with locked(self.path):
            remove_leftovers(self.path, locked=True)
            self.trials = self._read()  # another process may have gone on meanwhile
            with writing(f"--out {self.path}"):
                (self.path / "logs").mkdir(exist_ok=True)
            yield

    def save(self) -> None:
        """Write sweep.json."""
        with writing(f"--out {self.path}"):
            document = {"schema": SCHEMA, "asked": self._asked, "trials": self.trials}
            write_json(self._file, document)

    def run(self, trial: int, seed: int) -> Run:
        """The run folder of a trial (from 0, as in `trials`) with one seed."""
        return Run(self.path / f"trial-{trial + 1:03d}-seed-{seed}")

    def log(self, run: Run) -> Path:
        """What the training printed."""
        return self.path / "logs" / f"{run.path.name}.txt"
