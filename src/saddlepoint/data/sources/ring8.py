"""Eight Gaussians on a circle."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from saddlepoint.core.registry import register
from saddlepoint.data.sources._mixtures import Mixture


@register("ring8")
@dataclass(frozen=True, kw_only=True)
class Ring8(Mixture):
    """Points in the plane around 8 modes on the unit circle, without labels.

    PacGAN's protocol. The angles exclude the endpoint 2 pi: widely copied code includes it, so it
    draws one mode twice and has only 7 distinct ones.

    Paper: Lin et al., "PacGAN: The power of two samples in generative adversarial networks",
    2018.
    """

    n_points: int = 100_000
    """Points drawn."""
    std: float = 0.01
    """Standard deviation of each mode, per axis; the circle has radius 1."""
    draw_seed: int = 0
    """Seed of the points; the run's own seed does not change the data."""

    def centres(self) -> np.ndarray:
        angles = np.linspace(0, 2 * np.pi, 8, endpoint=False)
        return np.stack([np.cos(angles), np.sin(angles)], axis=1)
