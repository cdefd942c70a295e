"""Run: the only file that knows the paths inside a run folder. No torch in here.

The folder is the only interface between the verbs: training writes it; sampling, reports and
comparisons read it.
"""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Literal, Self

from saddlepoint.core.documents import (
    ConfigFile,
    Control,
    Status,
    finding_line,
    metrics_line,
)
from saddlepoint.core.errors import InputError, words
from saddlepoint.core.files import (
    remove_leftovers,
    temporary_name,
    write_atomically,
)
from saddlepoint.core.history import History
from saddlepoint.core.json_files import append_row, read_json, read_rows, write_json, write_rows
from saddlepoint.core.paths import given_path
from saddlepoint.core.reading import Absent, read_bytes
from saddlepoint.core.renames import todays_config, todays_row
from saddlepoint.core.run_lock import LOCK, START, is_unused, locked, remove_abandoned
from saddlepoint.core.snapshot_names import snapshots_in
from saddlepoint.core.tail import RowReader, last_rows

Check = Callable[[Any, str], dict[str, Any]]
log = logging.getLogger("saddlepoint")


class Run:
    """One run folder. Cheap to create; every property reads the disk again."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self.config_file = self.path / "config.json"
        self.status_file = self.path / "status.json"
        self.control_file = self.path / "control.json"
        self.metrics_file = self.path / "metrics.jsonl"
        self.findings_file = self.path / "findings.jsonl"
        self.samples_folder = self.path / "samples"
        self.checkpoints_folder = self.path / "checkpoints"
        self.start_folder = self.path / START
        self.scores_folder = self.path / "scores"
        self.report_file = self.path / "report.html"
        self.tracking_folder = self.path / "tracking"
        self._said: set[str] = set()

    def __repr__(self) -> str:
        return f"Run({str(self.path)!r})"

    def __fspath__(self) -> str:
        return str(self.path)

    # -- opening ---------------------------------------------------------------------------

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> Self:
        """An existing run.

        Raises:
            InputError: the folder does not exist or is not a run.
        """
        run = cls(given_path(path))
        if not run.path.is_dir():
            raise InputError(f"{run.path}: no such run folder.")
        if not run.config_file.is_file():
            if (run.path / LOCK).is_file():
                raise InputError(
                    f"{run.path} holds no run yet: it was stopped before it wrote config.json; "
                    f"give the same `saddle train` command again, with --out {run.path}."
                )
            raise InputError(f"{run.path} is not a run folder: it has no config.json.")
        return run

    @classmethod
    def create(cls, out: str | os.PathLike[str] | None, name: str) -> Self:
        """A new run folder: `out` itself, or `runs/<name>-NNN` with the next free number.

        Raises:
            InputError: `out` already exists or cannot be written.
        """
        try:
            if out is not None:
                path = Path(out)
                if path.exists() and (not path.is_dir() or not is_unused(path)):
                    raise InputError(
                        f"--out {path} already exists; choose another folder, or continue that "
                        f"run with `saddle resume {path}`."
                    )
                path.mkdir(parents=True, exist_ok=True)
                return cls(path)
            parent = Path("runs")
            parent.mkdir(exist_ok=True)
            # mkdir itself finds the free number: two runs that start together get two folders.
            for number in range(1, 100_000):
                path = parent / f"{name}-{number:03d}"
                remove_abandoned(path)
                with suppress(FileExistsError):
                    path.mkdir()
                    return cls(path)
        except OSError as error:
            where = out if out is not None else "runs/"
            raise InputError(
                f"{where} cannot be written ({words(error)}); choose another --out."
            ) from error
        raise InputError("runs/ is full; name the folder with --out.")

    # -- reading ---------------------------------------------------------------------------

    @property
    def document(self) -> dict[str, Any]:
        """config.json as `documents.ConfigFile`, with the fields of the configuration under
        today's names.

        Raises:
            InputError: not JSON, or a field of a wrong type.
        """
        document = read_json(self.config_file, ConfigFile)
        if "config" in document:
            document["config"] = todays_config(document["config"])
        return document

    @property
    def status(self) -> dict[str, Any]:
        """status.json, or {} before the first one is written and where it cannot be read."""
        try:
            return read_json(self.status_file, Status)
        except Absent:
            return {}
        # It only says how the run was last seen: whatever can be done with the run still can be.
        except InputError as error:
            self._warn(f"{error} It is ignored.")
            return {}

    @property
    def history(self) -> History:
        return History([todays_row(row) for row in self._rows(self.metrics_file, metrics_line)])

    @property
    def last_rows(self) -> list[dict[str, Any]]:
        """The last lines of the history, oldest first, without reading those before them."""
        return [todays_row(row) for row in last_rows(self.metrics_file, metrics_line)]

    def reader(self) -> RowReader:
        """Reads the lines of the history as they are written."""
        return RowReader(self.metrics_file, lambda row, where: todays_row(metrics_line(row, where)))

    @property
    def findings(self) -> list[dict[str, Any]]:
        return self._rows(self.findings_file, finding_line)

    @property
    def scores(self) -> list[Path]:
        """Files of evaluations, oldest first."""
        return snapshots_in(self.scores_folder, ".json")

    @property
    def samples(self) -> list[Path]:
        """Sample grids, oldest first."""
        return snapshots_in(self.samples_folder, ".png")

    @property
    def checkpoints(self) -> list[Path]:
        """Checkpoint folders, oldest first."""
        return [path for path in snapshots_in(self.checkpoints_folder, "") if path.is_dir()]

    # -- writing ---------------------------------------------------------------------------

    def write_status(self, state: str, n_images: int, **details: Any) -> None:
        """State: running | finished | interrupted | failed."""
        # A killed run cannot say so, but an old heartbeat and a dead process do.
        document = {"state": state, "pid": os.getpid(), "host": socket.gethostname()}
        write_json(
            self.status_file,
            {**document, "heartbeat": round(time.time(), 3), "n_images": n_images, **details},
        )

    def ask(self, request: Literal["stop", "save", "sample"]) -> None:
        """Ask the process that trains this run, which looks at each tick."""
        try:
            asked = read_json(self.control_file, Control)
        except Absent:
            asked = {}
        write_json(self.control_file, {**asked, request: True})

    def take_control(self) -> dict[str, Any]:
        """The requests in control.json, {"stop"|"save"|"sample": true}; each is returned once.
        Whatever is wrong with them is said in a warning and ignored."""
        if self.control_file.is_dir():  # nobody's request, and perhaps somebody's folder
            self._warn(f"{self.control_file} is a folder; it is ignored.")
            return {}
        taken = temporary_name(self.control_file)
        try:
            # Renamed before it is read, so that a request written meanwhile is not lost.
            os.replace(self.control_file, taken)
        except FileNotFoundError:
            return {}
        try:
            requests: dict[str, Any] = read_json(taken, Control)
            if unknown := sorted(requests.keys() - Control.__annotations__.keys()):
                self._warn(f"{self.control_file} asks for {', '.join(unknown)}, which is unknown.")
            return requests
        except InputError as error:
            self._warn(f"{error} The request is ignored.")
            return {}
        finally:
            taken.unlink()

    def append_metrics(self, row: Mapping[str, Any]) -> None:
        append_row(self.metrics_file, row)

    def append_finding(self, line: Mapping[str, Any]) -> None:
        append_row(self.findings_file, line)

    def rewind(self, n_images: int) -> None:
        """Drop every line after `n_images` and a torn last line, from metrics and findings;
        training writes them again. Findings up to the last treatment stay: they led to it."""
        self._set_aside(self.metrics_file, metrics_line)
        self._set_aside(self.findings_file, finding_line)
        rows = [row for row in self.history.rows if row["images"] <= n_images]
        write_rows(self.metrics_file, rows)
        lines = self.findings
        treated = [i for i, line in enumerate(lines) if line.get("event") == "treated"]
        first = treated[-1] + 1 if treated else 0
        later = [line for line in lines[first:] if line["at_images"] <= n_images]
        if self.findings_file.is_file():
            write_rows(self.findings_file, lines[:first] + later)

    def _rows(self, file: Path, check: Check) -> list[dict[str, Any]]:
        rows = read_rows(file, check)
        if rows.bad:
            self._warn(f"{file}: {len(rows.bad)} lines are left out. {rows.first_fault}")
        return rows.good

    def _set_aside(self, file: Path, check: Check) -> None:
        """Move lines that cannot be read to a file beside, so that they are not lost."""
        rows = read_rows(file, check)
        if not rows.bad:
            return
        aside = file.with_suffix(".bad.jsonl")
        before = [read_bytes(aside)] if aside.exists() else []
        lines = [line.rstrip(b"\n") + b"\n" for line in rows.bad]
        write_atomically(aside, b"".join(before + lines))
        write_rows(file, rows.good)
        self._warn(f"{file}: {len(lines)} lines are now in {aside.name}. {rows.first_fault}")

    def _warn(self, text: str) -> None:
        if text not in self._said:
            self._said.add(text)
            log.warning("%s", text)

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the run for writing. The kernel frees the lock however the process ends.

        Raises:
            InputError: another process holds it; the sentence names host and pid.
        """
        with locked(self.path):
            self.remove_leftovers(locked=True)
            yield

    def remove_leftovers(self, locked: bool = False) -> None:
        """Remove what killed processes left; see `files.remove_leftovers`."""
        parts = (self.samples_folder, self.scores_folder, self.checkpoints_folder)
        for folder in (self.path, *parts):
            remove_leftovers(folder, locked=locked)


def run_of_part(path: Path) -> Path | None:
    """The run folder that keeps `path` for its own files; None for any other path."""
    whole = Path(os.path.realpath(path))
    for folder in whole.parents:
        run = Run(folder)
        paths = [value for value in vars(run).values() if isinstance(value, Path)]
        own = {path.name for path in paths if path != folder} | {LOCK}
        # Both, as other programs have a config.json, too.
        is_run = os.path.isfile(run.config_file) and os.path.isfile(run.status_file)
        if is_run and whole.relative_to(folder).parts[0] in own:
            return folder
    return None
