"""What is known exactly about a game's two distributions, and points that stand for each."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from torch import Tensor

from saddlepoint.core.contracts import DataSpec
from saddlepoint.core.randomness import derive_seed
from saddlepoint.data.sources.mixtures import Mixture
from saddlepoint.evaluation.metrics.modes import HIGH_QUALITY
from saddlepoint.studio.game.drawn import Drawn

N_SHOWN = 256
"""Real and generated points that are drawn."""
CELLS = 32
"""Cells along a side, over which the divergence is computed."""
N_COUNTED = 4096
"""Latents whose points are counted in cells and clusters."""
FAIR = 0.25
"""A cluster is covered once it has this share of what a perfect generator gives it."""


@dataclass(frozen=True)
class Plane:
    """The real distribution: normal ones of equal weight around `centres`.

    Attributes:
        centres: float64 [m, 2].
        std: of each, per axis.
        extent: the view is [-extent, extent]^2.
        n_modes: clusters that can be counted; 0 for drawn points, which are not clusters.
        n_classes: labels, one a cluster; 0: none.
    """

    centres: Tensor
    std: float
    extent: float
    n_modes: int
    n_classes: int

    @classmethod
    def of(cls, source: Mixture, labelled: bool) -> Plane:
        centres = torch.from_numpy(source.centres())
        n_modes = 0 if isinstance(source, Drawn) else len(centres)
        # Room around the data: a generator that leaves it should be seen leaving.
        extent = 1.3 * float(centres.abs().max()) + 0.3
        return cls(centres, source.std, extent, n_modes, n_modes if labelled else 0)

    @property
    def spec(self) -> DataSpec:
        return DataSpec(shape=(2,), n_classes=self.n_classes, value_range=None)

    def draw(self, n: int) -> tuple[Tensor, Tensor | None]:
        """Real points float32 [n, 2], from torch's own random numbers, and their labels."""
        cluster = torch.randint(len(self.centres), (n,))
        points = self.centres[cluster] + self.std * torch.randn(n, 2, dtype=torch.float64)
        return points.float(), cluster if self.n_classes else None

    def shown(self, seed: int) -> Tensor:
        """The real points that are drawn: float32 [N_SHOWN, 2], as many of each cluster as can
        be."""
        draws = torch.Generator().manual_seed(derive_seed(seed, "shown", 0))
        noise = torch.randn(N_SHOWN, 2, generator=draws, dtype=torch.float64)
        return (self.centres[self._clusters] + self.std * noise).float()

    @property
    def real_labels(self) -> Tensor | None:
        """Of the real points that are drawn, int64 [N_SHOWN]."""
        return self._clusters if self.n_classes else None

    @property
    def _clusters(self) -> Tensor:
        return torch.arange(N_SHOWN) * len(self.centres) // N_SHOWN

    def labels(self, n: int) -> Tensor | None:
        """Labels for n latents, int64 [n], each equally often."""
        if not self.n_classes:
            return None
        # Shuffled: in the order of even latents, a label would get a part of the plane alone.
        order = torch.randperm(n, generator=torch.Generator().manual_seed(0))
        return order % self.n_classes

    def shares(self) -> Tensor:
        """The exact share of the data in each cell, float64 [CELLS^2 + 1]; the last one is all
        that lies outside the view."""
        edges = torch.linspace(-self.extent, self.extent, CELLS + 1, dtype=torch.float64)
        # Of a normal distribution with independent axes a cell has the product of two intervals.
        below = torch.special.ndtr((edges[:, None, None] - self.centres) / self.std)
        within = below.diff(dim=0)  # [CELLS, m, 2]
        inside = torch.einsum("im,jm->ij", within[:, :, 0], within[:, :, 1]) / len(self.centres)
        return torch.cat([inside.flatten(), (1 - inside.sum()).clamp_min(0)[None]])

    def counted(self, points: Tensor) -> Tensor:
        """The share of points [n, 2] in each of the same cells."""
        place = ((points.double() / self.extent + 1) / 2 * CELLS).floor()
        inside = ((place >= 0) & (place < CELLS)).all(1)
        cell = torch.where(inside, place[:, 0] * CELLS + place[:, 1], CELLS**2).nan_to_num(CELLS**2)
        return cell.long().bincount(minlength=CELLS**2 + 1).double() / len(points)

    def covered(self, points: Tensor) -> int:
        """Clusters that hold a quarter of their fair share of points [n, 2], within three standard
        deviations, where 98.9 % of the real ones lie."""
        distance, cluster = torch.cdist(points.double(), self.centres).min(1)
        good = cluster[distance <= HIGH_QUALITY * self.std]
        counts = good.bincount(minlength=len(self.centres))
        return int((counts >= FAIR * len(points) / len(self.centres)).sum())


def jensen_shannon(p: Tensor, q: Tensor) -> float:
    """The divergence of two distributions over the same cells, in nats: 0 to log 2 = 0.693."""
    middle = (p + q) / 2
    halves = (torch.xlogy(a, a / middle.clamp_min(1e-300)).sum() for a in (p, q))
    return max(0.0, float(sum(halves)) / 2)


@cache
def even_latents(n: int) -> Tensor:
    """Latents float32 [n, 2] that lie evenly in probability under N(0, I): no sampling noise.

    The points of Hammersley 1960 in the unit square, through the normal quantile function.
    """
    index = np.arange(n)
    # The bits of the index, mirrored at the binary point (van der Corput).
    mirrored = sum(((index >> bit) & 1) / 2.0 ** (bit + 1) for bit in range(n.bit_length()))
    square = np.stack([(index + 0.5) / n, mirrored + 0.5 / n], axis=1).clip(1e-6, 1 - 1e-6)
    return torch.special.ndtri(torch.from_numpy(square)).float()


@cache
def latent_grid(side: int) -> Tensor:
    """Latents float32 [side^2, 2] on lines between which a generator has equal shares."""
    # The outermost lines leave out as much as one cell holds.
    steps = torch.special.ndtri((torch.arange(side, dtype=torch.float64) + 0.5) / side).float()
    return torch.cartesian_prod(steps, steps)
