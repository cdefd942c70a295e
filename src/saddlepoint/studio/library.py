"""The runs that the studio shows: found in one folder, known by an id, summed up in a line."""

from __future__ import annotations

import hashlib
import math
import os
import re
import threading
import time
from pathlib import Path
from typing import Any

from saddlepoint.core.errors import InputError
from saddlepoint.core.runs import Run
from saddlepoint.core.snapshot_names import images_of
from saddlepoint.evaluation.scores import newest_scores
from saddlepoint.reporting.facts import SILENT_SECONDS
from saddlepoint.reporting.messages import in_languages

DEPTH = 4
"""Folders inside one another that are searched: labs keep their runs two levels down."""
_AGE = 0.5
"""Seconds for which a listing is used again: one page asks for many things at once."""
_SIMPLE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_SCORES = ("fid", "precision", "recall", "kid", "coverage")


class NotFound(InputError):
    """What was asked for is not there; the browser gets a 404."""


class Library:
    """All runs below a folder. Ids are what a browser may name; paths never come from it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._lock = threading.Lock()
        self._listed = -math.inf
        self._runs: dict[str, Run] = {}
        self._lines: dict[str, tuple[Any, dict[str, Any]]] = {}

    def runs(self) -> dict[str, Run]:
        """id -> run, by path."""
        with self._lock:
            if time.monotonic() - self._listed > _AGE:
                found = sorted(_run_folders(self.root, DEPTH))
                known = {run.path: run for run in self._runs.values()}
                self._runs = {self._id(path): known.get(path) or Run(path) for path in found}
                self._lines = {id: line for id, line in self._lines.items() if id in self._runs}
                self._listed = time.monotonic()
            return self._runs

    def run(self, id: str) -> Run:
        """Raises NotFound for an id that is not listed."""
        run = self.runs().get(id)
        if run is None:
            self.forget()  # the run may be younger than the listing
            run = self.runs().get(id)
        if run is None:
            raise NotFound("There is no such run; it may have been moved or deleted.")
        return run

    def forget(self) -> None:
        """Look at the disk again at the next question."""
        self._listed = -math.inf

    def id_of(self, path: Path) -> str:
        """The id that a run at this path has, whether or not it is there yet."""
        return self._id(path)

    def line(self, id: str) -> dict[str, Any]:
        """What the list of runs shows of one run."""
        run = self.run(id)
        stamp = stamp_of(run)
        known = self._lines.get(id)
        if known is None or known[0] != stamp:
            known = stamp, _line(id, run, str(run.path.relative_to(self.root)))
            self._lines[id] = known
        return with_clock(known[1])

    def _id(self, path: Path) -> str:
        name = ".".join(path.relative_to(self.root).parts) or self.root.resolve().name
        # A name with dots of its own could be another path's id.
        plain = (
            _SIMPLE.fullmatch(name)
            and name.count(".") == len(path.relative_to(self.root).parts) - 1
        )
        return name if plain else hashlib.sha256(os.fsencode(path)).hexdigest()[:16]


def playable(line: dict[str, Any]) -> bool:
    """Whether the generator of a run can be played with: it makes images, and one is saved."""
    return line["state"] != "damaged" and line["checkpoint"] and not line["points"]


def stamp_of(run: Run) -> tuple[Any, ...]:
    """Changes whenever a run writes something."""
    parts = (
        run.status_file,
        run.config_file,
        run.metrics_file,
        run.findings_file,
        run.samples_folder,
        run.checkpoints_folder,
        run.scores_folder,
    )
    return tuple(_stamp(path) for path in parts)


def with_clock(line: dict[str, Any]) -> dict[str, Any]:
    """A line with what depends on the present time."""
    silent = line["state"] == "running" and time.time() - line["heartbeat"] > SILENT_SECONDS
    return {**line, "state": "silent"} if silent else line


def _stamp(path: Path) -> tuple[int, int]:
    try:
        status = os.stat(path)
    except OSError:
        return (0, 0)
    return (status.st_mtime_ns, status.st_size)


def _run_folders(folder: Path, depth: int) -> list[Path]:
    """Runs, and folders that cannot be read: each is shown with its reason."""
    try:
        # Whatever has this name makes a run: what is wrong with it is said in the run's line.
        os.lstat(folder / "config.json")
    except FileNotFoundError:
        pass
    except OSError:
        return [folder]
    else:
        return [folder]
    if depth == 0:
        return []
    try:
        # Not through links, which may lead round in a circle; hidden folders are the studio's own.
        inside = [
            entry.path
            for entry in os.scandir(folder)
            if entry.is_dir(follow_symlinks=False) and not entry.name.startswith(".")
        ]
    except FileNotFoundError:  # gone since, or no runs yet
        return []
    except OSError:
        return [folder]
    return [path for inner in inside for path in _run_folders(Path(inner), depth - 1)]


def _line(id: str, run: Run, path: str) -> dict[str, Any]:
    """A damaged run shows what is wrong with it; the others are listed all the same."""
    status = run.status
    line: dict[str, Any] = {
        "id": id,
        "path": path,
        "folder": str(run.path),
        "title": path,
        "state": status.get("state", "not-started"),
        "heartbeat": status.get("heartbeat", 0.0),
        "error": in_languages(status["error"]) if status.get("error") else None,
        "images": status.get("n_images", 0),
        "findings": [],
        "scores": {},
    }
    try:
        line |= _facts(run, status, line["state"])
    except (InputError, OSError) as error:
        line |= {"state": "damaged", "error": in_languages(str(error))}
    return line


def _facts(run: Run, status: dict[str, Any], state: str) -> dict[str, Any]:
    document = run.document
    config, data = document.get("config", {}), document.get("data", {})
    train = config.get("train", {})
    total = round(1000 * train.get("kimg", 0))
    rows = run.last_rows
    last = rows[-1] if rows else {}
    images = status.get("n_images") or last.get("images", 0)
    rate = _median([row.get("images_per_second") for row in rows[-15:]])
    left = max(0, total - images)
    return {
        "title": " · ".join(filter(None, [config.get("preset", ""), data.get("name", "")])),
        "preset": config.get("preset", ""),
        "data": data.get("name", ""),
        "created": document.get("created", ""),
        "images": images,
        "total": max(total, images),
        "seconds": last.get("seconds", 0),
        "rate": rate,
        "eta": left / rate if rate and state == "running" else None,
        "findings": _findings(run, status),
        "scores": _scores(run, rows),
        "checkpoint": bool(run.checkpoints),
        "points": len(data.get("spec", {}).get("shape", (1, 1, 1))) != 3,
        "picture": run.samples[-1].name if run.samples else "",
        "picture_images": images_of(run.samples[-1]) if run.samples else 0,
    }


def _median(values: list[Any]) -> float | None:
    known = sorted(value for value in values if isinstance(value, int | float))
    return known[len(known) // 2] if known else None


def _findings(run: Run, status: dict[str, Any]) -> list[dict[str, str]]:
    """What held at the last check, worst first."""
    found = {f["name"]: f["severity"] for f in run.findings if f["event"] == "found"}
    order = ("fatal", "warn", "info")
    held = [(found.get(name, "warn"), name) for name in status.get("findings", [])]
    return [
        {"name": name, "severity": severity}
        for severity, name in sorted(held, key=lambda pair: order.index(pair[0]))
    ]


def _scores(run: Run, rows: list[dict[str, Any]]) -> dict[str, float]:
    cheap = [row["sliced_wasserstein"] for row in rows if "sliced_wasserstein" in row]
    scores = {"distance": cheap[-1]} if cheap else {}
    measured = newest_scores(run)
    if measured:
        values = measured[-1]["values"]
        scores |= {name: values[name]["value"] for name in _SCORES if name in values}
    return scores
