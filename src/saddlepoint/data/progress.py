"""Progress on stderr, with the time that is left; the work itself knows only a callback."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

ProgressCallback = Callable[[int, int], None]
"""Called with (items done, items in all)."""


@contextmanager
def progress_on_stderr(title: str) -> Iterator[ProgressCallback]:
    """A bar with count and ETA: `with progress_on_stderr("Preparing") as progress: ...`."""
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )
    task = bar.add_task(title, total=None)

    def update(done: int, total: int) -> None:
        bar.start()  # not before the first count: an error that comes first stands alone
        bar.update(task, completed=done, total=total)

    try:
        yield update
    finally:
        if bar.live.is_started:  # stopping one that never began prints an empty line
            bar.stop()


@contextmanager
def evaluation_progress(quiet: bool) -> Iterator[Callable[[str, int, int], None]]:
    """A bar for each kind of work: progress(what, done, of).

    Where stderr is no terminal, rich draws bars at the end only: there a line says what begins.
    """
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        disable=quiet,
    )
    tasks: dict[str, TaskID] = {}

    def update(what: str, done: int, of: int) -> None:
        if what not in tasks:
            tasks[what] = bar.add_task(what, total=of)
            if not quiet and not bar.console.is_terminal:
                bar.console.print(f"{what} ...", markup=False, highlight=False)
        bar.start()
        bar.update(tasks[what], completed=done)

    try:
        yield update
    finally:
        if bar.live.is_started:
            bar.stop()


class DownloadBar:
    """What pooch asks of a progress bar (the interface of tqdm), drawn with rich."""

    def __init__(self, title: str) -> None:
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
        )
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
        if self._bar.live.is_started:  # stopping one that never began prints an empty line
            self._bar.stop()
