"""What a run shows of itself while it trains: fixed-latent grids and one cheap score."""

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
from saddlepoint.evaluation.metrics.sliced_wasserstein import sliced_wasserstein
from saddlepoint.sampling.sampler import latents
from saddlepoint.training.state import TrainState

N_SCORED = 512
N_POINTS = 2000
CHUNK = 64


class Snapshots:
    """Seeds 0, 1, ... give the same latents at every snapshot; label = seed mod n_classes."""

    def __init__(self, run: Run, config: Config, dataset: Dataset, data: DeviceData) -> None:
        self.run = run
        self.dataset = dataset
        self.device = config.train.device
        self.conditional = config.arch.conditioning != "none"
        self.is_image = dataset.spec.is_image
        self.n_shown = config.train.n_samples if self.is_image else N_POINTS
        classes = dataset.spec.n_classes
        by_class = self.conditional and classes <= 16
        self.columns = classes if by_class else None
        if by_class:
            self.n_shown = max(1, self.n_shown // classes) * classes
        self.real = data.batch(0, min(max(N_SCORED, self.n_shown), len(dataset)))
        run.samples_folder.mkdir(exist_ok=True)

    def reals(self) -> Path:
        """samples/reals.png: real items laid out as the grids are."""
        return self._draw("reals", self.real.images[: self.n_shown])

    def grid(self, state: TrainState, name: str) -> Path:
        """samples/<name>.png from the averaged generator."""
        return self._draw(name, self._generate(state, self.n_shown))

    def score(self, state: TrainState) -> float:
        """Sliced Wasserstein distance of 512 samples to 512 real items; lower is better."""
        n = min(N_SCORED, len(self.real.images))
        return round(sliced_wasserstein(self.real.images[:n], self._generate(state, n)), 6)

    @torch.no_grad()
    def _generate(self, state: TrainState, n: int) -> Tensor:
        z = latents(range(n), state.ema.latent_dim).to(self.device)
        labels = None
        if self.conditional:
            labels = torch.arange(n, device=self.device) % self.dataset.spec.n_classes
        made = [
            state.ema(z[i : i + CHUNK], None if labels is None else labels[i : i + CHUNK])
            for i in range(0, n, CHUNK)
        ]
        return torch.cat(made)

    def _draw(self, name: str, items: Tensor) -> Path:
        array = items.float().cpu().numpy()
        if self.is_image:
            sheet = images.enlarge(images.grid(images.to_uint8(array), self.columns))
        else:
            extent = 1.2 * float(np.abs(self.dataset.images).max())
            sheet = images.scatter(array, extent)
        path = self.run.samples_folder / f"{name}.png"
        images.write_png(path, sheet)
        return path
