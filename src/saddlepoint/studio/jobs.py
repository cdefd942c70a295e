"""Starts `saddle` commands as processes of their own, which outlive the studio.

Each has a folder `.studio/<number>/` beside the runs: `job.json` says what was started, `log` is
what it printed. The run itself is a run folder like any other.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO, TypedDict

from saddlepoint.core.errors import InputError, RunFailed, reason, remedy
from saddlepoint.core.json_files import read_json, write_json
from saddlepoint.core.reading import open_regular

MOST_LOG = 2**14
"""Bytes of a log that are shown."""


class JobFile(TypedDict):
    """job.json."""

    argv: list[str]
    run: str
    pid: int
    started: float


class Jobs:
    """The commands that were started from the studio.

    Args:
        root: the folder of the runs.
        saddle: how to call the command line.
    """

    def __init__(self, root: Path, saddle: Sequence[str] = ()) -> None:
        self._root = root
        self._saddle = [*saddle] or [sys.executable, "-m", "saddlepoint"]
        self._folder = root / ".studio"
        self._lock = threading.Lock()
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, argv: Sequence[str], run: str) -> str:
        """Start `saddle ARGV`; returns the job's number.

        Args:
            run: the run's folder, relative to the folder of the runs.

        Raises:
            RunFailed: the process cannot be started.
        """
        with self._lock:
            try:
                folder = self._new_folder()
                with open(folder / "log", "wb") as log:
                    process = self._begin(argv, log)
                document = {"argv": [*argv], "run": run, "pid": process.pid}
                write_json(folder / "job.json", {**document, "started": time.time()})
            except OSError as error:
                raise RunFailed(
                    f"`saddle` cannot be started: {reason(error)}; {remedy(error)}."
                ) from error
            self._processes[folder.name] = process
            return folder.name

    def _begin(self, argv: Sequence[str], log: BinaryIO) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [*self._saddle, *argv],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            # Neither the studio's end nor a Ctrl-C in its terminal reaches another session.
            start_new_session=True,
        )

    def _new_folder(self) -> Path:
        self._folder.mkdir(parents=True, exist_ok=True)
        number = 1 + max((int(name) for name in self._numbers()), default=0)
        folder = self._folder / str(number)
        folder.mkdir()
        return folder

    def _numbers(self) -> list[str]:
        if not self._folder.is_dir():
            return []
        return [entry.name for entry in os.scandir(self._folder) if entry.name.isdecimal()]

    def all(self) -> list[dict[str, Any]]:
        """Every job, newest first."""
        return [self.job(name) for name in sorted(self._numbers(), key=int, reverse=True)]

    def job(self, name: str) -> dict[str, Any]:
        """A job: number, command, run, whether it goes on, and its exit code where that is known.

        Args:
            name: one of `_numbers`.
        """
        job: dict[str, Any] = {"job": name, "command": "", "run": "", "running": False}
        job |= {"started": 0.0, "code": None}
        try:
            document = read_json(self._folder / name / "job.json", JobFile)
        except InputError:  # just begun, or damaged
            return job
        process = self._processes.get(name)
        code = process.poll() if process else None
        running = code is None if process else _is_running(document["pid"], document["argv"])
        return {
            "job": name,
            "command": shlex.join(["saddle", *document["argv"]]),
            "run": document["run"],
            "started": document["started"],
            "running": running,
            "code": code,
        }

    def recent(self) -> list[dict[str, Any]]:
        """Jobs that are going on or were started within a day, newest first."""
        day = time.time() - 86_400
        return [job for job in self.all() if job["running"] or job["started"] > day]

    def interrupt(self, name: str) -> bool:
        """Ask a job to save and stop; False if it was not started by this very studio."""
        # Of another studio's only the number is known, which may be another process's by now.
        process = self._processes.get(name)
        if process is None or process.poll() is not None:
            return False
        process.terminate()
        return True

    def last_line(self, name: str) -> str:
        """The last line of a job's log that is not empty."""
        lines = [line.strip() for line in self.log(name).splitlines() if line.strip()]
        return lines[-1] if lines else ""

    def newest_of(self, run: str) -> dict[str, Any] | None:
        """The last job that was started for a run."""
        return next((job for job in self.all() if job["run"] == run), None)

    def log(self, name: str) -> str:
        """The end of what a job printed."""
        try:
            with open_regular(self._folder / name / "log") as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(max(0, size - MOST_LOG))
                text = file.read(MOST_LOG).decode(errors="replace")
        except InputError:
            return ""
        # A carriage return takes a line back: what counts is what stood there last.
        return "\n".join(line.rpartition("\r")[2] for line in text.split("\n"))


def _is_running(pid: int, argv: Sequence[str]) -> bool:
    """Whether a process that an earlier studio started is still there."""
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:  # a system without /proc
        return True
    # Numbers are used again: what runs under this one has to be the same command.
    return all(os.fsencode(word) in words for word in argv)
