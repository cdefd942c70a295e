"""A game of two small nets on eight clusters of a circle, followed mode by mode."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from saddlepoint.architectures.mlp import Mlp
from saddlepoint.core.contracts import DataSpec
from saddlepoint.data.sources.mixtures import Ring8
from saddlepoint.lab.claims._base import Work
from saddlepoint.losses.classic import NonSaturating

MODES = 8
STD = 0.05
"""Of each cluster; the circle has a radius of 1."""
SAMPLES = 1000
"""Drawn at each check, from the same latents."""


@dataclass(frozen=True, kw_only=True)
class Game:
    """How the two players are made and how fast each learns."""

    steps: int
    checks: int
    """Looks at the samples."""
    every: int = 0
    """Steps between two looks, the last of them at the end; 0: evenly over all steps."""
    lr_g: float = 1e-3
    lr_d: float = 1e-3
    generator_widths: tuple[int, ...] = (128, 128)
    discriminator_widths: tuple[int, ...] = (128, 128)
    minibatch_stddev: bool = False
    batch_size: int = 256

    def play(self, work: Work) -> list[np.ndarray]:
        """The samples at every check, float32 [checks][SAMPLES, 2]."""
        torch.manual_seed(work.seed)  # nets of equal shape start from the same weights
        arch = Mlp(
            generator_widths=self.generator_widths,
            discriminator_widths=self.discriminator_widths,
            generator_norm="none",
            latent_dim=8,
            minibatch_stddev=self.minibatch_stddev,
        )
        spec = DataSpec(shape=(2,), value_range=None)
        generator, discriminator = arch.generator(spec), arch.discriminator(spec)
        optim_g, optim_d = (
            torch.optim.Adam(net.parameters(), lr=lr, betas=(0.5, 0.999))
            for net, lr in ((generator, self.lr_g), (discriminator, self.lr_d))
        )
        loss, draws = NonSaturating(), work.random("game")
        centres = torch.from_numpy(Ring8().centres()).float()
        shown = torch.randn(SAMPLES, arch.latent_dim, generator=work.random("shown"))
        every = self.every or max(1, self.steps // self.checks)
        first = self.steps - every * self.checks
        seen = []
        for step in range(1, self.steps + 1):
            real = centres[torch.randint(MODES, (self.batch_size,), generator=draws)]
            real = real + STD * torch.randn(self.batch_size, 2, generator=draws)
            fake = generator(torch.randn(self.batch_size, arch.latent_dim, generator=draws))
            optim_d.zero_grad()
            loss.discriminator(discriminator(real), discriminator(fake.detach())).mean().backward()
            optim_d.step()
            optim_g.zero_grad()
            loss.generator(discriminator(fake)).mean().backward()
            optim_g.step()
            if step > first and (self.steps - step) % every == 0:
                with torch.no_grad():
                    seen.append(generator(shown).numpy())
        return seen


def shares(points: np.ndarray) -> list[float]:
    """The share of points that are nearest to each cluster, [8]; points [n, 2]."""
    distance = np.linalg.norm(points[:, None] - Ring8().centres()[None], axis=2)
    return (np.bincount(distance.argmin(1), minlength=MODES) / len(points)).tolist()


def covered(points: np.ndarray) -> int:
    """Clusters that hold a quarter of their fair share of points, near them (5 widths)."""
    distance = np.linalg.norm(points[:, None] - Ring8().centres()[None], axis=2)
    near = distance.min(1) <= 5 * STD
    counts = np.bincount(distance.argmin(1)[near], minlength=MODES)
    return int((counts >= len(points) / MODES / 4).sum())
