"""Twenty-five Gaussians on a grid."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from saddlepoint.core.registry import register
from saddlepoint.data.sources._mixtures import Mixture


@register("grid25")
@dataclass(frozen=True, kw_only=True)
class Grid25(Mixture):
    """Points in the plane around 25 modes at {-4, -2, 0, 2, 4}^2, without labels.

    Paper: Lin et al., "PacGAN: The power of two samples in generative adversarial networks",
    2018.
    """

    n_points: int = 100_000
    """Points drawn."""
    std: float = 0.05
    """Standard deviation of each mode, per axis."""
    draw_seed: int = 0
    """Seed of the points; the run's own seed does not change the data."""

    def centres(self) -> np.ndarray:
        steps = np.linspace(-4, 4, 5)
        return np.stack(np.meshgrid(steps, steps, indexing="ij"), axis=-1).reshape(25, 2)
