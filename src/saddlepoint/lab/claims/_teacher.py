"""A WGAN-GP's critic that is taught on its own clock, on eight clusters in the plane."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from saddlepoint.core.contracts import Generator
from saddlepoint.data.sources.mixtures import Ring8
from saddlepoint.losses.gradient_penalties import GradientPenalty
from saddlepoint.losses.wasserstein import Wasserstein


class Teacher:
    """A critic with its optimiser, its data and its randomness."""

    def __init__(self, critic: nn.Module, draws: torch.Generator, lr: float, batch: int) -> None:
        self.critic, self.draws, self.lr, self.batch = critic, draws, lr, batch
        self.optimizer = torch.optim.Adam(critic.parameters(), lr=lr, betas=(0.0, 0.9))
        self.loss, self.penalty = Wasserstein(), GradientPenalty()
        self.centres = torch.from_numpy(Ring8().centres()).float()

    def reals(self, n: int) -> Tensor:
        """float32 [n, 2]."""
        modes = torch.randint(8, (n,), generator=self.draws)
        return self.centres[modes] + 0.05 * torch.randn(n, 2, generator=self.draws)

    def fakes(self, generator: Generator, n: int = 0) -> Tensor:
        """float32 [n, 2]; by default a batch."""
        shape = (n or self.batch, generator.latent_dim)
        return generator(torch.randn(shape, generator=self.draws))

    def step(self, generator: Generator) -> None:
        """One step of the critic."""
        real = self.reals(self.batch)
        with torch.no_grad():
            fake = self.fakes(generator)
        cost = self.loss.discriminator(self.critic(real), self.critic(fake))
        cost = cost + self.penalty(self.critic, real, fake, None)
        self.optimizer.zero_grad()
        cost.mean().backward()
        self.optimizer.step()

    @torch.no_grad()
    def gap(self, generator: Generator) -> float:
        """The critic's estimate of the distance."""
        real, fake = self.critic(self.reals(4096)), self.critic(self.fakes(generator, 4096))
        return (real.mean() - fake.mean()).item()

    def best_gap(self, generator: Generator, steps: int) -> float:
        """The estimate of a copy that has learned on alone."""
        alone = Teacher(copy.deepcopy(self.critic), self.draws, self.lr, self.batch)
        for _ in range(steps):
            alone.step(generator)
        return alone.gap(generator)
