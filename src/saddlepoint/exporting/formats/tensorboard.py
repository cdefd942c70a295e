"""TensorBoard: event files, by the writer that PyTorch brings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from saddlepoint.core.files import whole_folder
from saddlepoint.core.images import read_picture
from saddlepoint.core.registry import register
from saddlepoint.core.runs import Run
from saddlepoint.exporting.contract import Leaving, Log, Tracker
from saddlepoint.exporting.following import Following


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
        for old in folder.glob("events.out.tfevents.*"):
            old.unlink()
        return _Log(folder)

    def write(self, leaving: Leaving, out: Path) -> None:
        run = leaving.require_run()
        with whole_folder(out) as folder:
            Following(self, run, folder).close()


class _Log(Log):
    def __init__(self, folder: Path) -> None:
        from torch.utils.tensorboard.writer import SummaryWriter

        # From step 0 on: a running TensorBoard drops what it has read of the files before.
        self.writer = SummaryWriter(str(folder), purge_step=0)

    def scalars(self, values: Mapping[str, float], n_images: int, seconds: float) -> None:
        for name, value in values.items():
            self.writer.add_scalar(name, value, n_images, walltime=seconds)

    def picture(self, path: Path, n_images: int) -> None:
        pixels = np.asarray(read_picture(path).convert("RGB"))
        self.writer.add_image("samples", pixels, n_images, dataformats="HWC")

    def finding(self, name: str, message: str, severity: str, n_images: int) -> None:
        self.writer.add_text(f"findings/{name}", f"**{severity}**: {message}", n_images)

    def flush(self) -> None:
        self.writer.flush()

    def close(self) -> None:
        self.writer.close()
