"""Mixtures of equal isotropic Gaussians in the plane: data with exactly known modes."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from saddlepoint.core.checks import above, at_least
from saddlepoint.core.contracts import Dataset, DataSpec
from saddlepoint.core.registry import register
from saddlepoint.data.arrays import fingerprint
from saddlepoint.data.search import NamedSource


@dataclass(frozen=True, kw_only=True)
class Mixture(NamedSource):
    """Points drawn uniformly over the modes."""

    kind: ClassVar[str]
    """Given by `register`."""
    n_points: int = 100_000
    """Points drawn."""
    std: float = 0.05
    """Standard deviation of each mode, per axis."""
    draw_seed: int = 0
    """Seed of the points; the run's own seed does not change the data."""

    def __post_init__(self) -> None:
        at_least(self, 1, "n_points")
        above(self, 0, "std")

    @abstractmethod
    def centres(self) -> np.ndarray:
        """float64 [modes, 2], all distinct."""

    def open(self) -> Dataset:
        generator = np.random.Generator(np.random.PCG64(self.draw_seed))
        centres = self.centres()
        mode = generator.integers(len(centres), size=self.n_points)
        points = centres[mode] + self.std * generator.standard_normal((self.n_points, 2))
        spec = DataSpec(shape=(2,), n_classes=0, value_range=None)
        points = points.astype(np.float32)
        return Dataset(
            name=self.kind,
            spec=spec,
            images=points,
            labels=None,
            fingerprint=fingerprint(spec, points, None),
        )

    def where(self) -> str | None:
        return "generated when opened"


@register("ring8")
@dataclass(frozen=True, kw_only=True)
class Ring8(Mixture):
    """Points in the plane around 8 modes on the unit circle, without labels.

    PacGAN's protocol. The angles exclude the endpoint 2 pi: widely copied code includes it, so it
    draws one mode twice and has only 7 distinct ones.

    Paper: Lin et al., "PacGAN: The power of two samples in generative adversarial networks",
    2018.
    """

    std: float = 0.01
    """Standard deviation of each mode, per axis; the circle has radius 1."""

    def centres(self) -> np.ndarray:
        angles = np.linspace(0, 2 * np.pi, 8, endpoint=False)
        return np.stack([np.cos(angles), np.sin(angles)], axis=1)


@register("grid25")
@dataclass(frozen=True, kw_only=True)
class Grid25(Mixture):
    """Points in the plane around 25 modes at {-4, -2, 0, 2, 4}^2, without labels.

    Paper: Lin et al., "PacGAN: The power of two samples in generative adversarial networks",
    2018.
    """

    def centres(self) -> np.ndarray:
        steps = np.linspace(-4, 4, 5)
        return np.stack(np.meshgrid(steps, steps, indexing="ij"), axis=-1).reshape(25, 2)
