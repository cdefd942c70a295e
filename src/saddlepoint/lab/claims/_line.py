"""Distributions on the line, where densities, divergences and distances are known exactly."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor


@dataclass(frozen=True)
class Normals:
    """A mixture of normal distributions on the line."""

    means: tuple[float, ...]
    stds: tuple[float, ...]
    weights: tuple[float, ...] = (1.0,)

    def density(self, x: Tensor) -> Tensor:
        """At x float64 [n]."""
        parts = zip(self.means, self.stds, self.weights, strict=True)
        return torch.stack(
            [
                w / (s * math.sqrt(2 * math.pi)) * torch.exp(-(((x - m) / s) ** 2) / 2)
                for m, s, w in parts
            ]
        ).sum(0)

    def sample(self, n: int, draws: torch.Generator) -> Tensor:
        """float32 [n, 1]."""
        which = torch.multinomial(torch.tensor(self.weights), n, True, generator=draws)
        noise = torch.randn(n, generator=draws)
        return (torch.tensor(self.means)[which] + torch.tensor(self.stds)[which] * noise)[:, None]


REAL = Normals((-1.5, 1.5), (0.6, 0.8), (0.6, 0.4))
FAKE = Normals((0.5,), (1.2,))
"""They overlap: the best discriminator is nowhere certain, and JS is far from its limits."""


@dataclass(frozen=True)
class Line:
    """Two densities on a fine grid, which is exact to many digits for smooth ones."""

    real_side: Normals = REAL
    fake_side: Normals = FAKE
    ends: tuple[float, float] = (-8.0, 8.0)
    n: int = 4001

    @cached_property
    def points(self) -> Tensor:
        """float64 [n]."""
        return torch.linspace(*self.ends, self.n, dtype=torch.float64)

    @cached_property
    def real(self) -> Tensor:
        return self.real_side.density(self.points)

    @cached_property
    def fake(self) -> Tensor:
        return self.fake_side.density(self.points)

    def integral(self, heights: Tensor) -> float:
        """Of a function that is given at the points."""
        return torch.trapezoid(heights, self.points).item()

    def value(self, judged: Tensor) -> float:
        """E_real log D + E_fake log(1 - D), for D in (0, 1) at the points."""
        judged = judged.clamp(1e-12, 1 - 1e-12)
        return self.integral(self.real * judged.log() + self.fake * (1 - judged).log())


def jensen_shannon(line: Line) -> float:
    """In nats, with the usual factors one half: from 0 to log 2."""
    middle = (line.real + line.fake) / 2
    halves = (torch.xlogy(p, p / middle.clamp_min(1e-300)) for p in (line.real, line.fake))
    return sum(line.integral(half) for half in halves) / 2
