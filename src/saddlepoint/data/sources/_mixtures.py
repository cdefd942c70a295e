"""Mixtures of equal isotropic Gaussians in the plane: data with exactly known modes."""

from __future__ import annotations

from abc import abstractmethod

import numpy as np

from saddlepoint.core.checks import above, at_least
from saddlepoint.core.contracts import Dataset, DataSpec
from saddlepoint.data.fingerprint import fingerprint
from saddlepoint.data.sources._named import NamedSource


class Mixture(NamedSource):
    """Points drawn uniformly over the modes. Subclasses are dataclasses with these fields."""

    n_points: int
    std: float
    draw_seed: int
    kind: str

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
