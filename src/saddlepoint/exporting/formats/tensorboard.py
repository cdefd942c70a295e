"""TensorBoard: event files of scalars, pictures and texts, encoded by PyTorch."""

from __future__ import annotations

import importlib
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from saddlepoint.core.files import whole_folder
from saddlepoint.core.images import read_picture
from saddlepoint.core.registry import register
from saddlepoint.core.runs import Run
from saddlepoint.exporting.contract import Leaving, Log, Tracker
from saddlepoint.exporting.following import Following

_EVENTS = "events.out.tfevents."
"""By this TensorBoard knows its files."""


@register("tensorboard")
@dataclass(frozen=True, kw_only=True)
class TensorBoard(Tracker):
    """A folder of event files for `tensorboard --logdir`: scalars, grids of samples, findings.

    The step is the number of images. While a run trains, the folder is RUN/tracking, so that
    `tensorboard --logdir runs` shows every run that is tracked.
    """

    needs = ("tensorboard",)
    extra = "tensorboard"

    def begin(self, run: Run, folder: Path) -> Log:
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.glob(f"{_EVENTS}*"):
            old.unlink()
        return _Log(folder)

    def write(self, leaving: Leaving, out: Path) -> None:
        run = leaving.require_run()
        with whole_folder(out) as folder:
            Following(self, run, folder).close()


class _Log(Log):
    """One file of events, written by this thread, so that a disk error is raised here; torch's
    SummaryWriter writes from a thread of its own, where it would be lost."""

    def __init__(self, folder: Path) -> None:
        from tensorboard.summary.writer.record_writer import RecordWriter
        from torch.utils.tensorboard import summary

        # Written by a compiler of protocols, so that its types cannot be seen.
        self.proto: Any = importlib.import_module("tensorboard.compat.proto.event_pb2")
        self.summary = summary
        name = f"{_EVENTS}{int(time.time())}.saddlepoint"
        self.file = open(folder / name, "wb")  # noqa: SIM115 - closed with the log
        self.records = RecordWriter(self.file)
        # From step 0 on: a running TensorBoard drops what it has read of the files before.
        start = self.proto.SessionLog(status=self.proto.SessionLog.START)
        self._write(0, time.time(), file_version="brain.Event:2")
        self._write(0, time.time(), session_log=start)

    def scalars(self, values: Mapping[str, float], n_images: int, seconds: float) -> None:
        for name, value in values.items():
            self._write(n_images, seconds, summary=self.summary.scalar(name, value))

    def picture(self, path: Path, n_images: int) -> None:
        pixels = np.asarray(read_picture(path).convert("RGB"))
        shown = self.summary.image("samples", pixels, dataformats="HWC")
        self._write(n_images, time.time(), summary=shown)

    def finding(self, name: str, message: str, severity: str, n_images: int) -> None:
        said = self.summary.text(f"findings/{name}", f"**{severity}**: {message}")
        self._write(n_images, time.time(), summary=said)

    def flush(self) -> None:
        self.file.flush()

    def close(self) -> None:
        self.file.close()

    def _write(self, step: int, seconds: float, **what: Any) -> None:
        event = self.proto.Event(step=step, wall_time=seconds, **what)
        self.records.write(event.SerializeToString())
