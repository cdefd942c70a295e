"""Progress bars on stderr; the work itself only calls a function with its counts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.table import Column


@contextmanager
def progress_bars(quiet: bool = False) -> Iterator[Callable[[str, int, int], None]]:
    """A bar for each kind of work: progress(what, done, of).

    Without a terminal on stderr, a line says what begins, and there are no bars.
    """
    bars = _bars(MofNCompleteColumn(), TextColumn("left"), quiet=quiet)
    tasks: dict[str, TaskID] = {}

    def update(what: str, done: int, of: int) -> None:
        if what not in tasks:
            tasks[what] = bars.add_task(what, total=of)
            if not quiet and not bars.console.is_terminal:
                bars.console.print(f"{what} ...", markup=False, highlight=False)
        bars.start()  # not before the first count: an error before it stands alone
        bars.update(tasks[what], completed=done, total=of)

    try:
        yield update
    finally:
        _stop(bars)


class DownloadBar:
    """The progress bar that pooch expects (the interface of tqdm), drawn with rich."""

    def __init__(self, title: str) -> None:
        self._bar = _bars(DownloadColumn(), TransferSpeedColumn())
        self._task = self._bar.add_task(f"Downloading {title}", total=None)
        self._total = 0

    @property
    def total(self) -> int:
        return self._total

    @total.setter
    def total(self, n_bytes: int) -> None:
        self._total = n_bytes
        self._bar.update(self._task, total=n_bytes)
        self._bar.start()

    def update(self, n_bytes: int) -> None:
        self._bar.advance(self._task, n_bytes)

    def reset(self) -> None:
        self._bar.update(self._task, completed=0)

    def close(self) -> None:
        _stop(self._bar)


def _bars(*columns: ProgressColumn, quiet: bool = False) -> Progress:
    """Title, a bar, the columns, time left: one line at any width."""
    console = Console(stderr=True)
    # A title can be a path longer than the line: it is cut, so that nothing wraps.
    title = TextColumn(
        "{task.description}", table_column=Column(ratio=1, no_wrap=True, overflow="ellipsis")
    )
    return Progress(
        title,
        BarColumn(bar_width=16),
        *columns,
        TimeRemainingColumn(),
        console=console,
        expand=True,
        disable=quiet or not console.is_terminal,
    )


def _stop(bars: Progress) -> None:
    if bars.live.is_started:  # stopping bars that were never started prints an empty line
        bars.stop()
