"""JSONL files that are long or still grow: their end alone, or each line once. No torch in here."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from saddlepoint.core.errors import InputError
from saddlepoint.core.json_files import MOST_LINE, parse
from saddlepoint.core.reading import Absent, open_regular


def last_rows(
    path: Path, check: Callable[[Any, str], dict[str, Any]], most_bytes: int = 2**15
) -> list[dict[str, Any]]:
    """The whole lines within the last `most_bytes` of a file, oldest first; [] if it is absent.

    Args:
        check: (a line, where it stands) -> the line, or an InputError; such a line is left out.

    Raises:
        InputError: the file cannot be read.
    """
    try:
        with open_regular(path) as file:
            size = file.seek(0, os.SEEK_END)
            start = max(0, size - most_bytes)
            file.seek(start)
            lines = file.read(most_bytes).split(b"\n")
    except Absent:
        return []
    # The first began before the part that was read; the last has no line feed yet.
    whole = lines[1 if start else 0 : -1]
    rows = []
    for line in whole:
        try:
            rows.append(check(parse(line, str(path)), str(path)))
        except InputError:
            continue
    return rows


class RowReader:
    """Reads a JSONL file that grows, each line once.

    Args:
        check: as in `last_rows`.
    """

    def __init__(self, path: Path, check: Callable[[Any, str], dict[str, Any]]) -> None:
        self._path = path
        self._check = check
        self._place = 0
        self._file = (0, 0)

    def read(self, seconds: float) -> tuple[list[dict[str, Any]], bool, bool]:
        """The new lines, as many as can be read in about `seconds`.

        Returns:
            (rows, whether the file was started again, so that earlier rows no longer count,
            whether the end was reached).

        Raises:
            InputError: the file cannot be read.
        """
        rows: list[dict[str, Any]] = []
        until = time.monotonic() + seconds
        try:
            with open_regular(self._path) as file:
                status = os.fstat(file.fileno())
                identity = (status.st_dev, status.st_ino)
                # A resumed run writes its lines again, into another file of that name.
                anew = identity != self._file or status.st_size < self._place
                self._place, self._file = 0 if anew else self._place, identity
                file.seek(self._place)
                while time.monotonic() < until:
                    lines = file.readlines(2**18)
                    if lines and not lines[-1].endswith(b"\n"):
                        lines.pop()  # it is being written
                    if not lines:
                        return rows, anew, True
                    self._place += sum(map(len, lines))
                    for line in lines:
                        with suppress(InputError):
                            rows.append(self._check(parse(line, str(self._path)), str(self._path)))
                return rows, anew, False
        except Absent:
            return [], self._place > 0, True

    def overview(self, most: int) -> list[dict[str, Any]]:
        """Up to `most` lines that lie evenly over the whole file, oldest first; `read` is not moved
        by it.

        Raises:
            InputError: the file cannot be read.
        """
        rows: list[dict[str, Any]] = []
        try:
            with open_regular(self._path) as file:
                size, last = os.fstat(file.fileno()).st_size, -1
                for index in range(most):
                    file.seek(size * index // most)
                    if index:
                        file.readline(MOST_LINE)  # the rest of one that began before
                    if file.tell() == last:
                        continue
                    last = file.tell()
                    if (line := file.readline(MOST_LINE)).endswith(b"\n"):
                        with suppress(InputError):
                            rows.append(self._check(parse(line, str(self._path)), str(self._path)))
        except Absent:
            return []
        return rows
