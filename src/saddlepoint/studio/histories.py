"""Histories of runs that are being watched: read once, then as they grow."""

from __future__ import annotations

import math
import threading
from array import array
from collections import OrderedDict, deque
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from saddlepoint.core.documents import NUMBER
from saddlepoint.core.history import History
from saddlepoint.core.runs import Run
from saddlepoint.core.tail import RowReader
from saddlepoint.reporting.panel import MOST_POINTS

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
                if isinstance(value, NUMBER):
                    column = self._columns.get(name)
                    if column is None:
                        column = self._columns[name] = array("d")
                    if len(column) < self._length:  # it was absent for a while
                        column.extend([math.nan] * (self._length - len(column)))
                    column.append(value)
            self._length += 1
        room = _KEPT_ROWS - len(self._first)
        self._first += rows[:room]
        self._newest.extend(rows[room:][-_KEPT_ROWS:])
        self.rows = [*self._first, *self._newest]


@dataclass
class _Watched:
    """A run's history, as far as it was read."""

    reader: RowReader
    columns: Columns = field(default_factory=Columns)
    overview: Columns | None = None
    """Lines from all of a long one, which are shown until it was read whole."""
    lock: threading.Lock = field(default_factory=threading.Lock)


class Histories:
    """The histories that were asked for last; safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: OrderedDict[str, _Watched] = OrderedDict()

    def of(self, run: Run) -> tuple[Columns, bool]:
        """A run's history, and whether that is all there is. Of a long one the first answers have
        lines from all of it."""
        with self._lock:
            known = self._known.pop(str(run.path), None) or _Watched(run.reader())
            self._known[str(run.path)] = known
            while len(self._known) > _KEPT_RUNS:
                self._known.popitem(last=False)
        with known.lock:
            rows, anew, complete = known.reader.read(SECONDS)
            if anew and len(known.columns):
                known.columns.clear()
                known.overview = None
            known.columns.add(rows)
            if complete:
                known.overview = None
                return known.columns, True
            if known.overview is None:
                known.overview = Columns()
                known.overview.add(known.reader.overview(MOST_POINTS))
            return known.overview, False
