"""One case played to its end: a plain PyTorch loop in the plane, with the three doctor lines."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import oracle
import torch
from suites import Case
from torch import Tensor, nn

import saddlepoint as sp
from saddlepoint.core import registry
from saddlepoint.core.randomness import derive_seed

LOOKS_EVERY = 35


@dataclass
class World:
    """The data of a case, drawn afresh or a fixed training set."""

    centres: Tensor
    std: float
    spacing: float
    shares: Tensor
    generator: torch.Generator
    conditional: bool
    train: Tensor | None = None

    @classmethod
    def of(cls, case: Case, seed: int) -> World:
        source = registry.get("source", case.data)()
        centres = torch.tensor(source.centres(), dtype=torch.float32)
        weights = torch.ones(len(centres))
        if case.uneven:
            weights += torch.arange(len(centres))
        spacing = float(torch.pdist(centres).min())
        if case.modes:
            centres, weights = centres[: case.modes], weights[: case.modes]
        generator = torch.Generator().manual_seed(seed)
        shares = weights / weights.sum()
        world = cls(centres, source.std, spacing, shares, generator, case.conditional)
        if case.n_train:
            world.train = world.draw(case.n_train)[0]
        return world

    @property
    def within(self) -> float:
        """Median distance of two points of one mode."""
        return 1.665 * self.std

    def draw(self, n: int) -> tuple[Tensor, Tensor | None]:
        """Points float32 [n, 2] and, in a conditional case, their modes int64 [n]."""
        mode = torch.multinomial(self.shares, n, replacement=True, generator=self.generator)
        noise = torch.randn(n, 2, generator=self.generator)
        points = self.centres[mode] + self.std * noise
        return points, mode if self.conditional else None

    def batch(self, n: int) -> tuple[Tensor, Tensor | None]:
        """Training points."""
        if self.train is None:
            return self.draw(n)
        chosen = torch.randint(len(self.train), (n,), generator=self.generator)
        return self.train[chosen], None

    def reference(self) -> Any:
        """Real points for the doctor, as a training loop would give them."""
        if self.train is not None:
            return self.train
        points, modes = self.draw(2560)
        return points if modes is None else (points, modes)

    def weights(self) -> Tensor:
        """Share of each mode in the training data: a mode without a point cannot be learned."""
        if self.train is None:
            return self.shares
        mode = torch.cdist(self.train, self.centres).argmin(1)
        return mode.bincount(minlength=len(self.centres)) / len(mode)

    def to_json(self, case: Case) -> dict[str, Any]:
        points = self.centres[torch.multinomial(self.shares, 4000, replacement=True)]
        return {
            "weights": self.weights().tolist(),
            "rms": float(points.norm(dim=1).square().mean().sqrt()),
            "within": self.within,
            "conditional": case.conditional,
            # Weights that are clipped leave the scale free; any other Wasserstein critic is to
            # have a slope of 1.
            "penalised": case.loss == "wasserstein" and case.clip == 0,
        }


class Net(nn.Module):
    """Hidden layers with LeakyReLU; a label enters as one-hot beside the input."""

    def __init__(self, widths: list[int], n_labels: int, scale: float, sees_labels: bool) -> None:
        super().__init__()
        self.n_labels, self.scale, self.sees_labels = n_labels, scale, sees_labels
        widths = [widths[0] + n_labels, *widths[1:]]
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(widths))

    def forward(self, x: Tensor, labels: Tensor | None = None) -> Tensor:
        h = self.scale * x
        if self.n_labels:
            assert labels is not None
            onehot = nn.functional.one_hot(labels, self.n_labels).to(h.dtype)
            h = torch.cat([h, onehot if self.sees_labels else 0 * onehot], 1)
        for layer in self.layers[:-1]:
            h = nn.functional.leaky_relu(layer(h), 0.2)
        out = self.layers[-1](h)
        return out.squeeze(1) if out.shape[1] == 1 else out


def nets(case: Case, n_labels: int) -> tuple[Net, Net]:
    hidden_d = [case.width_d] * case.depth_d
    generator = Net(
        [case.latent, *[case.width_g] * 2, 2], n_labels, case.latent_scale, sees_labels=True
    )
    discriminator = Net([2, *hidden_d, 1], n_labels, 1.0, case.labels_seen)
    return generator, discriminator


def play(case: Case, seed: int) -> dict[str, Any]:
    """The case's history, what the oracle saw, and the doctor's own words on the way."""
    torch.manual_seed(derive_seed(seed, case.name, 0))
    world = World.of(case, derive_seed(seed, "world", 0))
    oracle_world = World.of(case, derive_seed(seed, "oracle", 0))
    oracle_world.train = world.train
    generator, discriminator = nets(case, len(world.centres) if case.conditional else 0)
    betas = (case.beta1, 0.99)
    optim_g = torch.optim.Adam(generator.parameters(), case.lr_g, betas=betas, fused=True)
    optim_d = torch.optim.Adam(discriminator.parameters(), case.lr_d, betas=betas, fused=True)
    loss = registry.get("loss", case.loss)(**({"clip": case.clip} if case.clip else {}))
    penalty = _penalty(case)
    doctor = sp.Doctor(
        generator,
        discriminator,
        optim_g,
        optim_d,
        real=world.reference(),
        latent=lambda n: torch.randn(n, case.latent),
        labels=(lambda n: torch.arange(n) % len(world.centres)) if case.conditional else None,
        heldout=None if world.train is None else oracle_world.draw(512)[0],
        every=LOOKS_EVERY,
    )
    seen: list[dict[str, Any]] = []

    def sample(n: int) -> tuple[Tensor, Tensor | None]:
        _, labels = oracle_world.draw(n)
        return generator(torch.randn(n, case.latent), labels), labels

    for step in range(case.steps):
        _schedule(case, step, optim_g, optim_d)
        for critic in range(case.n_critic):
            real, labels = world.batch(case.batch)
            if case.nan_at and step == case.nan_at and critic == 0:
                real[0, 0] = float("nan")
            fake = generator(torch.randn(case.batch, case.latent), labels)
            optim_d.zero_grad()
            made = fake.detach()
            real_logits, fake_logits = discriminator(real, labels), discriminator(made, labels)
            loss_d = loss.discriminator(real_logits, fake_logits).mean()
            if penalty is not None and step % penalty.every == 0:
                loss_d = loss_d + penalty.every * penalty(discriminator, real, made, labels).mean()
            loss_d.backward()
            optim_d.step()
            loss.constrain(discriminator)
        optim_g.zero_grad()
        loss_g = loss.generator(discriminator(fake, labels), real_logits.detach()).mean()
        loss_g.backward()
        optim_g.step()
        doctor.step(loss_d=loss_d, loss_g=loss_g)
        if (step + 1) % (2 * LOOKS_EVERY) == 0:
            with torch.random.fork_rng():
                torch.manual_seed(derive_seed(seed, "oracle", step))
                seen.append(oracle.observe(sample, discriminator, oracle_world, step + 1))
    return {
        "rows": [short(row) for row in doctor.history.rows],
        "oracle": [short(row) for row in seen],
        "world": world.to_json(case),
    }


def _penalty(case: Case) -> Any:
    if case.penalty == "none":
        return None
    if case.penalty == "gp":
        return registry.get("penalty", "gradient-penalty")(weight=case.weight)
    return registry.get("penalty", "r1")(gamma=case.weight, every=2)


def _schedule(
    case: Case, step: int, optim_g: torch.optim.Optimizer, optim_d: torch.optim.Optimizer
) -> None:
    share = 1 - step / case.steps if case.decay else 1.0
    broken = case.broken_from and step >= case.broken_from
    lr_g = case.broken_lr_g if broken and case.broken_lr_g else case.lr_g
    lr_d = case.broken_lr_d if broken and case.broken_lr_d else case.lr_d
    for optimizer, lr in ((optim_g, lr_g), (optim_d, lr_d)):
        for group in optimizer.param_groups:
            group["lr"] = lr * share


def short(row: dict[str, Any]) -> dict[str, Any]:
    """The row with four digits: a history is kept for its meaning, not for its last bits."""
    return {name: _short(value) for name, value in row.items() if value is not None}


def _short(value: Any) -> Any:
    if isinstance(value, list | tuple | np.ndarray):
        return [_short(item) for item in value]
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    return int(value) if float(value).is_integer() else float(f"{value:.4g}")
