"""The sample grids of a run, always of the same latents."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from saddlepoint.core import images
from saddlepoint.core.config import Config
from saddlepoint.core.contracts import Dataset
from saddlepoint.core.runs import Run
from saddlepoint.data.loader import DeviceData
from saddlepoint.training.scoring import N_CHEAP, Scorer
from saddlepoint.training.state import TrainState

N_POINTS = 2000


class Snapshots:
    """Seeds 0, 1, ... give the same latents at every snapshot; label = seed mod n_classes."""

    def __init__(self, run: Run, config: Config, dataset: Dataset, data: DeviceData) -> None:
        self.run = run
        self.dataset = dataset
        self.conditional = config.arch.conditioning != "none"
        self.is_image = dataset.spec.is_image
        self.n_shown = config.train.n_samples if self.is_image else N_POINTS
        classes = dataset.spec.n_classes
        # A column per class where they fit: label = seed mod n_classes fills row after row.
        by_class = self.conditional and classes <= images.MOST_NAMED
        self.names = dataset.classes or tuple(map(str, range(classes))) if by_class else ()
        if by_class:
            rows, columns = images.sheet_shape(self.n_shown, classes)
            self.n_shown = rows * columns
        self.real = data.batch(0, min(max(N_CHEAP, self.n_shown), len(dataset)))
        self.scorer = Scorer(config, dataset, self.real.images)
        run.samples_folder.mkdir(exist_ok=True)

    def reals(self) -> Path:
        """samples/reals.png: real items, laid out like the grids, by class where those are."""
        if not self.names or self.real.labels is None:
            return self._draw("reals", self.real.images[: self.n_shown])
        shown = torch.ones_like(self.real.images[:1]).repeat(self.n_shown, 1, 1, 1)
        for label in range(len(self.names)):
            column = self.real.images[self.real.labels == label][: self.n_shown // len(self.names)]
            shown[label :: len(self.names)][: len(column)] = column
        return self._draw("reals", shown)

    def grid(self, state: TrainState, name: str) -> Path:
        """samples/<name>.png from the averaged generator."""
        return self._draw(name, self.scorer.generate(state, range(self.n_shown)))

    def _draw(self, name: str, items: Tensor) -> Path:
        array = items.float().cpu().numpy()
        if self.is_image:
            columns = len(self.names) or None
            sheet = images.enlarge(images.grid(images.to_uint8(array), columns))
            sheet = images.name_columns(sheet, self.names) if self.names else sheet
        else:
            # A margin: samples just outside the data are the ones to see.
            extent = 1.2 * float(np.abs(self.dataset.images).max())
            sheet = images.scatter(array, extent)
        path = self.run.samples_folder / f"{name}.png"
        images.write_png(path, sheet)
        return path
