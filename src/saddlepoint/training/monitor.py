"""What a person sees during training: a live view in a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO, cast

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.text import Text

from saddlepoint.core.config import Config
from saddlepoint.core.contracts import Dataset
from saddlepoint.core.runs import Run
from saddlepoint.core.streams import Surviving, printable
from saddlepoint.training.expected import Expected
from saddlepoint.training.preview import preview

_REDRAW_SECONDS = 0.5
_REDRAW_WITH_PICTURE = 2.0
"""A picture is 40 kB of colours: 0.7 ms to draw, but a slow connection feels it twice a second."""
_PLAIN_SECONDS = 10.0
_LINES = 7
"""Lines that the view needs for everything but the picture."""


class Monitor:
    """Progress on stderr. `quiet` shows nothing; `pictures` allows a preview of the samples."""

    def __init__(self, quiet: bool = False, pictures: bool = True) -> None:
        self.quiet = quiet
        self.console = Console(file=cast(TextIO, Surviving(sys.stderr)), highlight=False)
        # 16 colours cannot show shades, and a pipe gets no picture.
        colours = self.console.color_system in ("256", "truecolor")
        self.pictures = pictures and colours and "utf" in self.console.encoding
        self._live: Live | None = None
        self._progress: Progress | None = None
        self._task = TaskID(0)
        self._last_drawn = 0.0
        self._row: dict[str, Any] = {}
        self._sample: list[RenderableType] = []
        self.findings: list[str] = []
        """Names of what the doctor finds now."""
        self.expected = Expected()
        """What the first line says that the run takes."""
        self.on_tick: Callable[[dict[str, Any]], None] | None = None
        """Called with each line of metrics once it is written; must not raise."""

    def say(self, text: str) -> None:
        """Text that stays above the bar; a finding has several lines."""
        if not self.quiet:
            text = printable(text, lines=True)
            self.console.print(text, markup=False, soft_wrap=not self.console.is_terminal)

    @contextmanager
    def watch(self, config: Config, dataset: Dataset, run: Run, n_images: int) -> Iterator[None]:
        """Show progress from `n_images` to the end of the budget."""
        self._total = config.train.total_images
        self._n_images = self._first = n_images
        self._size = dataset.spec.size if dataset.spec.is_image else None
        self._begun = time.monotonic()
        self.say(f"{self.expected.said(config, dataset)} -> {run.path}")
        self.expected = Expected()  # a treated run begins again, with another net perhaps
        if self.quiet or not self.console.is_terminal:
            yield
            return
        self._progress = Progress(
            TextColumn("{task.percentage:3.0f} %"),
            BarColumn(bar_width=None),  # what the text leaves of the line
            TextColumn("{task.fields[text]}"),
            expand=True,
        )
        self._task = self._progress.add_task("", total=self._total, text="")
        with Live(self._view(), console=self.console, auto_refresh=False) as self._live:
            yield
            self._draw()
        self._live = None

    def step(self, n_images: int) -> None:
        """Called every step; redraws at most twice a second."""
        self._n_images = n_images
        # Rich draws the whole view each time, so a picture makes a redraw large.
        every = _REDRAW_WITH_PICTURE if len(self._sample) > 1 else _REDRAW_SECONDS
        if self._live is not None and time.monotonic() - self._last_drawn > every:
            self._draw()

    def tick(self, row: dict[str, Any]) -> None:
        """Called with each line of metrics."""
        self._row = row
        if self._live is not None:
            self._draw()
        elif not self.quiet:
            # In a log file a line every ten seconds is enough, and the last one always.
            due = time.monotonic() - self._last_drawn > _PLAIN_SECONDS
            if due or self._n_images >= self._total:
                self._last_drawn = time.monotonic()
                self.say(f"{self._progress_text()}  {self._losses_text()}")
        if self.on_tick is not None:
            self.on_tick(row)

    def sampled(self, path: Path) -> None:
        """Called with the path of each new grid."""
        self._sample = [Text(printable(f"newest samples: {path}"), overflow="fold")]
        if self._live is not None and self.pictures:
            room = self.console.height - _LINES
            picture = preview(path, self._size, self.console.width, room)
            self._sample += [picture] if picture is not None else []

    def _draw(self) -> None:
        assert self._progress is not None
        assert self._live is not None
        self._last_drawn = time.monotonic()
        self._progress.update(self._task, completed=self._n_images, text=self._progress_text())
        self._live.update(self._view(), refresh=True)

    def _view(self) -> Group:
        lines = [self._losses_text()] if self._row else []
        if self.findings:
            lines.append(f"doctor: {', '.join(self.findings)}")
        assert self._progress is not None
        return Group(
            self._progress, *(Text(line, overflow="fold") for line in lines), *self._sample
        )

    def _progress_text(self) -> str:
        # From the start of this process on: a resumed run's earlier images took their own time.
        elapsed = time.monotonic() - self._begun
        rate = (self._n_images - self._first) / max(elapsed, 1e-9)
        left = (self._total - self._n_images) / max(rate, 1e-9)
        eta = "done" if left <= 0 else f"{_clock(left)} left" if rate > 0 else "starting"
        # A budget of a few hundred images would stay at 0 to its end.
        digits = 0 if self._total >= 10_000 else 1 if self._total >= 1_000 else 2
        done = f"{self._n_images / 1000:,.{digits}f} of {self._total / 1000:,g} kimg"
        return f"{done}  {rate:,.0f} images/s  {eta}"

    def _losses_text(self) -> str:
        names = {"loss_d": "D loss", "loss_g": "G loss", "real_logit": "real logit"}
        names |= {"fake_logit": "fake logit", "penalty": "penalty"}
        shown = {label: self._row[name] for name, label in names.items() if name in self._row}
        return "  ".join(f"{label} {value:.3f}" for label, value in shown.items())


def _clock(seconds: float) -> str:
    seconds = int(seconds)
    hours, minutes = seconds // 3600, seconds // 60 % 60
    return f"{hours}:{minutes:02d}:{seconds % 60:02d}" if hours else f"{minutes}:{seconds % 60:02d}"
