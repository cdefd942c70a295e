"""Deleted runs: moved to a folder beside the others, from which they can be taken back."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TypedDict

from saddlepoint.core.errors import InputError, RunFailed, reason, remedy
from saddlepoint.core.json_files import read_json, write_json
from saddlepoint.core.runs import Run
from saddlepoint.studio.held import held
from saddlepoint.studio.library import NotFound


class TrashFile(TypedDict):
    """trash.json."""

    path: str
    """Where the run was, relative to the folder of the runs."""


class Trash:
    """`.trash/<number>/` beside the runs; each holds one run and `trash.json`."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._folder = root / ".trash"

    def take(self, run: Run) -> str:
        """Move a run here; returns the number by which it is taken back.

        Raises:
            InputError: a process is writing it.
            RunFailed: it cannot be moved.
        """
        path = run.path.relative_to(self._root)
        if not path.parts:
            raise InputError(f"{run.path} is the folder that the studio shows; delete it yourself.")
        with held(run):
            try:
                number = self._new_number()
                place = self._folder / number
                place.mkdir(parents=True)
                write_json(place / "trash.json", {"path": path.as_posix()})
                os.rename(run.path, place / "run")
            except OSError as error:
                raise RunFailed(
                    f"{run.path} cannot be moved: {reason(error)}; {remedy(error)}."
                ) from error
        return number

    def put_back(self, number: str) -> None:
        """Move a run to where it was.

        Raises:
            NotFound: nothing has this number.
            InputError: there is another run in its place.
        """
        if number not in self._numbers():
            raise NotFound("This run is no longer in the trash.")
        place = self._folder / number
        # Written by `take`, from the path of a run that was listed.
        back = self._root / read_json(place / "trash.json", TrashFile)["path"]
        if back.exists():
            raise InputError(f"{back} exists again; move it away first.")
        try:
            back.parent.mkdir(parents=True, exist_ok=True)
            os.rename(place / "run", back)
            (place / "trash.json").unlink()
            place.rmdir()
        except OSError as error:
            raise RunFailed(f"{back} cannot be put back: {reason(error)}.") from error

    def taken(self) -> dict[str, float]:
        """Path -> when a run that was there was moved here last, in seconds since 1970."""
        found: dict[str, float] = {}
        for number in self._numbers():
            file = self._folder / number / "trash.json"
            try:
                path, when = read_json(file, TrashFile)["path"], file.stat().st_mtime
            except (InputError, OSError):  # taken back just now, or damaged
                continue
            found[path] = max(when, found.get(path, 0.0))
        return found

    def command(self, run: Run) -> str:
        """What does the same in a terminal."""
        path = run.path.relative_to(self._root)
        return f"mkdir -p {self._folder} && mv {self._root / path} {self._folder}/"

    def _numbers(self) -> list[str]:
        if not self._folder.is_dir():
            return []
        return [entry.name for entry in os.scandir(self._folder) if entry.name.isdecimal()]

    def _new_number(self) -> str:
        return str(1 + max(map(int, self._numbers()), default=0))
