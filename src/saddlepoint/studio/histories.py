"""Histories of runs that are being watched: read once, then as they grow."""

from __future__ import annotations

import math
import threading
from array import array
from collections import OrderedDict, deque
from typing import Any

import numpy as np

from saddlepoint.core.history import History
from saddlepoint.core.runs import Run
from saddlepoint.core.tail import RowReader

_KEPT_RUNS, _KEPT_ROWS = 10, 256
# As many as are compared at once, and some more.
SECONDS = 0.4
"""Of reading for one answer: a long history comes in parts, and no page waits for all of it."""


class Columns(History):
    """A history by columns, float64; only its first and newest rows are kept as they stand in the
    file."""

    def __init__(self) -> None:
        super().__init__([])
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        self._columns: dict[str, array[float]] = {}
        self._length = 0
        self._first: list[dict[str, Any]] = []
        self._newest: deque[dict[str, Any]] = deque(maxlen=_KEPT_ROWS)

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, name: str) -> np.ndarray:
        values = np.array(self._columns.get(name, ()), dtype=np.float64)
        missing = self._length - len(values)
        return np.concatenate([values, np.full(missing, np.nan)]) if missing else values

    def add(self, rows: list[dict[str, Any]]) -> None:
        """Append rows, and keep the first and the newest."""
        for row in rows:
            for name, value in row.items():
                if isinstance(value, int | float):
                    column = self._columns.setdefault(name, array("d"))
                    # A column that was absent for a while has a gap there.
                    column.extend([math.nan] * (self._length - len(column)))
                    column.append(value)
            self._length += 1
        room = _KEPT_ROWS - len(self._first)
        self._first += rows[:room]
        self._newest.extend(rows[room:][-_KEPT_ROWS:])
        self.rows = [*self._first, *self._newest]


class Histories:
    """The histories that were asked for last; safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: OrderedDict[str, tuple[RowReader, Columns, threading.Lock]] = OrderedDict()

    def of(self, run: Run) -> tuple[Columns, bool]:
        """What is known of a run's history, and whether that is all there is."""
        with self._lock:
            entry = self._known.pop(str(run.path), None) or (
                run.reader(),
                Columns(),
                threading.Lock(),
            )
            self._known[str(run.path)] = entry
            while len(self._known) > _KEPT_RUNS:
                self._known.popitem(last=False)
        reader, columns, lock = entry
        with lock:
            rows, anew, complete = reader.read(SECONDS)
            if anew and len(columns):
                columns.clear()
            columns.add(rows)
            return columns, complete
