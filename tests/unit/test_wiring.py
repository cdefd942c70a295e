"""Faults planted in small loops are named as themselves within 100 steps; sound loops are silent.

The loops are written as people write them, with the doctor's three lines.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
import torch
from histories._runs import run
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy, relu, softplus
from torch.nn.functional import binary_cross_entropy_with_logits as bce_logits

import saddlepoint as sp
from saddlepoint.core.findings import Finding
from saddlepoint.core.history import History
from saddlepoint.data.sources.digits import Digits
from saddlepoint.diagnosis.detectors.learning_rate_too_high import LearningRateTooHigh
from saddlepoint.diagnosis.schedule import FIRST_CHECKS

LATENT, BATCH = 8, 32


# -- nets ------------------------------------------------------------------------------


def conv_generator() -> nn.Module:
    return nn.Sequential(
        nn.Linear(LATENT, 16 * 4),
        nn.Unflatten(1, (16, 2, 2)),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.ConvTranspose2d(16, 8, 4, 2, 1),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.ConvTranspose2d(8, 1, 4, 2, 1),
        nn.Tanh(),
    )


def conv_discriminator(norm: bool = True) -> nn.Module:
    layers: list[nn.Module] = [
        nn.Conv2d(1, 8, 4, 2, 1),
        nn.LeakyReLU(0.2),
        nn.Conv2d(8, 16, 4, 2, 1),
        *([nn.BatchNorm2d(16)] if norm else []),
        nn.LeakyReLU(0.2),
        nn.Flatten(),
        nn.Linear(64, 1),
    ]
    return nn.Sequential(*layers)


# -- losses, as tutorials write them ---------------------------------------------------


@dataclass
class Loss:
    d: Callable[[Tensor, Tensor], Tensor]
    g: Callable[[Tensor, Tensor], Tensor]
    sigmoid: bool = False


def bce(p: Tensor, target: float) -> Tensor:
    return binary_cross_entropy(p, torch.full_like(p, target))


def bcel(logits: Tensor, target: float) -> Tensor:
    return bce_logits(logits, torch.full_like(logits, target))


LOSSES = {
    "non-saturating": Loss(lambda r, f: bcel(r, 1) + bcel(f, 0), lambda f, r: bcel(f, 1)),
    "smoothed": Loss(lambda r, f: bcel(r, 0.9) + bcel(f, 0), lambda f, r: bcel(f, 1)),
    "bce": Loss(lambda r, f: bce(r, 1) + bce(f, 0), lambda f, r: bce(f, 1), sigmoid=True),
    "bce-smoothed": Loss(lambda r, f: bce(r, 0.9) + bce(f, 0), lambda f, r: bce(f, 1), True),
    "labels-exchanged": Loss(lambda r, f: bcel(r, 0) + bcel(f, 1), lambda f, r: bcel(f, 0)),
    "minimax": Loss(lambda r, f: bcel(r, 1) + bcel(f, 0), lambda f, r: -bcel(f, 0)),
    "hinge": Loss(lambda r, f: relu(1 - r).mean() + relu(1 + f).mean(), lambda f, r: -f.mean()),
    "lsgan": Loss(
        lambda r, f: ((r - 1) ** 2 + f**2).mean() / 2, lambda f, r: ((f - 1) ** 2).mean()
    ),
    "lsgan-sigmoid": Loss(
        lambda r, f: ((r - 1) ** 2 + f**2).mean() / 2, lambda f, r: ((f - 1) ** 2).mean(), True
    ),
    "wasserstein": Loss(lambda r, f: f.mean() - r.mean(), lambda f, r: -f.mean()),
    "relativistic": Loss(lambda r, f: softplus(f - r).mean(), lambda f, r: softplus(r - f).mean()),
}


def penalty(critic: nn.Module, real: Tensor, fake: Tensor, dim: Any = None, **how: Any) -> Tensor:
    share = torch.rand(len(real), 1, 1, 1)
    between = (share * real + (1 - share) * fake).requires_grad_(True)
    out = critic(between)
    how = {"create_graph": True, "retain_graph": True, **how}
    (gradient,) = torch.autograd.grad(out, between, torch.ones_like(out), **how)
    norm = gradient.flatten(1).norm(2, dim=1) if dim is None else gradient.norm(2, dim=dim)
    return 10 * ((norm - 1) ** 2).mean()


# -- the loop --------------------------------------------------------------------------


def digits() -> Tensor:
    return torch.from_numpy(Digits().open().images.copy()).permute(0, 3, 1, 2).float() / 127.5 - 1


REAL = digits()


@pytest.fixture(autouse=True)
def same_weights() -> None:
    """Nets are built from torch's global randomness: the same whichever test came before."""
    torch.manual_seed(0)


@dataclass
class Loop:
    """A loop that is sound; a fault is a subclass or another field."""

    loss: str = "non-saturating"
    generator: nn.Module = field(default_factory=conv_generator)
    discriminator: nn.Module = field(default_factory=conv_discriminator)
    lr: float = 1e-3
    n_critic: int = 1
    clip: float = 0.0
    gp: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        if LOSSES[self.loss].sigmoid:
            self.discriminator = nn.Sequential(self.discriminator, nn.Sigmoid())
        self.build()
        self.averaged: nn.Module | None = None
        self.newest: dict[str, Tensor] = {}

    def build(self) -> None:
        self.optim_g = torch.optim.Adam(self.generator.parameters(), self.lr, (0.5, 0.999))
        self.optim_d = torch.optim.Adam(self.discriminator.parameters(), self.lr, (0.5, 0.999))

    def run(self, steps: int = 60) -> list[Finding]:
        torch.manual_seed(0)
        self.doctor = doctor = sp.Doctor(
            self.generator,
            self.discriminator,
            self.optim_g,
            self.optim_d,
            real=REAL,
            averaged=self.averaged,
            every=lambda step: step in FIRST_CHECKS,
        )
        for _ in range(steps):
            for _ in range(self.n_critic):
                self.step_d(self.real())
            self.step_g()
            doctor.step(self.newest.get("d"), self.newest.get("g"))
        assert doctor.active
        return doctor.findings

    def real(self) -> Tensor:
        return REAL[torch.randint(len(REAL), (BATCH,))]

    def fake(self) -> Tensor:
        return self.generator(torch.randn(BATCH, LATENT))

    def loss_d(self, real: Tensor, fake: Tensor) -> Tensor:
        return LOSSES[self.loss].d(self.discriminator(real), self.discriminator(fake))

    def loss_g(self, fake: Tensor) -> Tensor:
        real = self.discriminator(self.real()).detach() if self.loss == "relativistic" else fake
        return LOSSES[self.loss].g(self.discriminator(fake), real)

    def step_d(self, real: Tensor) -> None:
        fake = self.fake().detach()
        loss = self.loss_d(real, fake)
        if self.gp is not None:
            loss = loss + penalty(self.discriminator, real, fake, **self.gp)
        self.newest["d"] = loss
        self.optim_d.zero_grad()
        loss.backward()
        self.optim_d.step()
        if self.clip:
            for p in self.discriminator.parameters():
                p.data.clamp_(-self.clip, self.clip)

    def step_g(self) -> None:
        loss = self.newest["g"] = self.loss_g(self.fake())
        self.optim_g.zero_grad()
        loss.backward()
        self.optim_g.step()


def names(findings: list[Finding]) -> list[str]:
    return [finding.name for finding in findings]


def critic() -> nn.Module:
    return conv_discriminator(norm=False)


@pytest.mark.parametrize("loss", LOSSES)
def test_a_sound_loop_is_silent(loss: str) -> None:
    assert names(Loop(loss, clip=0.01 if loss == "wasserstein" else 0).run(100)) == []


def test_a_sound_wgan_gp_is_silent() -> None:
    loop = Loop("wasserstein", discriminator=critic(), gp={}, lr=1e-4, n_critic=5)
    assert names(loop.run(60)) == []


# -- faults ----------------------------------------------------------------------------


class MixedBatches(Loop):
    """Real and fake images in one call, as the first tutorials did."""

    def loss_d(self, real: Tensor, fake: Tensor) -> Tensor:
        out = self.discriminator(torch.cat([real, fake]))
        return LOSSES[self.loss].d(out[: len(real)], out[len(real) :])


class DetachInTheWrongPlace(Loop):
    def step_g(self) -> None:
        loss = self.loss_g(self.fake().detach())
        self.optim_g.zero_grad()
        loss.backward()
        self.optim_g.step()


class GeneratorNeverSteps(Loop):
    def step_g(self) -> None:
        self.loss_g(self.fake()).backward()


class NeverThawed(Loop):
    """The discriminator is frozen for the generator's step, and stays so."""

    def step_g(self) -> None:
        self.discriminator.requires_grad_(False)
        super().step_g()

    def step_d(self, real: Tensor) -> None:
        if next(self.discriminator.parameters()).requires_grad:
            super().step_d(real)
        else:
            self.optim_d.zero_grad()
            self.optim_d.step()


class OldParameters(Loop):
    """The optimiser was built before the net was replaced."""

    def build(self) -> None:
        super().build()
        self.generator = conv_generator()


class JoinedParameters(Loop):
    def build(self) -> None:
        super().build()
        both = [*self.generator.parameters(), *self.discriminator.parameters()]
        self.optim_g = torch.optim.Adam(both, self.lr, (0.5, 0.999))


class OneOptimizer(Loop):
    """Both nets in one optimiser, which steps once for each loss."""

    def build(self) -> None:
        super().build()
        both = [*self.generator.parameters(), *self.discriminator.parameters()]
        self.optim_g = self.optim_d = torch.optim.Adam(both, self.lr, (0.5, 0.999))


class Swapped(Loop):
    def build(self) -> None:
        super().build()
        self.optim_g, self.optim_d = self.optim_d, self.optim_g


class ForgottenZeroGrad(Loop):
    """The discriminator's gradients keep what the generator's step and all others added."""

    def step_d(self, real: Tensor) -> None:
        self.loss_d(real, self.fake().detach()).backward()
        self.optim_d.step()


class ZeroGradTooEarly(Loop):
    """Both set to zero at the top; the generator's loss then goes through the discriminator."""

    def step_d(self, real: Tensor) -> None:
        self.optim_d.zero_grad()
        super_g = self.loss_g(self.fake())
        self.optim_g.zero_grad()
        super_g.backward()
        self.optim_g.step()
        self.loss_d(real, self.fake().detach()).backward()
        self.optim_d.step()

    def step_g(self) -> None:
        pass


class BothBackwardsFirst(Loop):
    """Both losses are sent back before either step."""

    def step_d(self, real: Tensor) -> None:
        fake = self.fake()
        self.optim_d.zero_grad()
        self.optim_g.zero_grad()
        self.loss_d(real, fake.detach()).backward()
        self.loss_g(fake).backward()
        self.optim_d.step()
        self.optim_g.step()

    def step_g(self) -> None:
        pass


class GeneratorHelps(Loop):
    """The generator's label is that of fakes."""

    def loss_g(self, fake: Tensor) -> Tensor:
        if self.loss == "wasserstein":
            return self.discriminator(fake).mean()
        if self.loss == "lsgan":
            return (self.discriminator(fake) ** 2).mean()
        return bcel(self.discriminator(fake), 0)


class CriticTurned(Loop):
    def loss_d(self, real: Tensor, fake: Tensor) -> Tensor:
        return -super().loss_d(real, fake)


class BothDown(Loop):
    def loss_d(self, real: Tensor, fake: Tensor) -> Tensor:
        return self.discriminator(real).mean() + self.discriminator(fake).mean()


class HalfRange(Loop):
    def real(self) -> Tensor:
        return (super().real() + 1) / 2


class Bytes(Loop):
    def real(self) -> Tensor:
        return (super().real() + 1) * 127.5


class PaddedReals(Loop):
    """A border of zeros around real images only, after they were scaled to [-1, 1]."""

    def real(self) -> Tensor:
        return nn.functional.pad(super().real()[:, :, 1:-1, 1:-1], (1, 1, 1, 1))


class PaddedFakes(Loop):
    def fake(self) -> Tensor:
        return nn.functional.pad(super().fake()[:, :, 1:-1, 1:-1], (1, 1, 1, 1), value=0.3)


class SampledInEval(Loop):
    """The generator is left in evaluation mode after a sample was drawn."""

    def step_g(self) -> None:
        super().step_g()
        self.generator.eval()


class AverageWithoutBuffers(Loop):
    def build(self) -> None:
        super().build()
        self.average = copy.deepcopy(self.generator)

    def run(self, steps: int = 60) -> list[Finding]:
        self.averaged = self.average
        return super().run(steps)

    def step_g(self) -> None:
        super().step_g()
        pairs = zip(self.average.parameters(), self.generator.parameters(), strict=True)
        for kept, new in pairs:
            kept.data.lerp_(new.data, 0.1)


class ForgottenOptimizers(Loop):
    """Nets are loaded, optimisers are new."""

    def run(self, steps: int = 60) -> list[Finding]:
        for _ in range(40):
            self.step_d(self.real())
            self.step_g()
        self.build()
        return super().run(steps)


class NewDiscriminator(Loop):
    def run(self, steps: int = 60) -> list[Finding]:
        for _ in range(40):
            self.step_d(self.real())
            self.step_g()
        new = conv_discriminator()
        self.discriminator = nn.Sequential(new, nn.Sigmoid()) if LOSSES[self.loss].sigmoid else new
        self.optim_d = torch.optim.Adam(self.discriminator.parameters(), self.lr)
        return super().run(steps)


class Loud(nn.Module):
    """Raw outputs are multiplied by far too much."""

    def forward(self, logits: Tensor) -> Tensor:
        return 2000 * logits


def loud() -> nn.Module:
    return nn.Sequential(critic(), Loud())


def with_sigmoid(norm: bool = True) -> nn.Module:
    return nn.Sequential(conv_discriminator(norm), nn.Sigmoid())


def unmoving() -> nn.Module:
    net = conv_generator()
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 0.0
    return net


GP: dict[str, Any] = {"loss": "wasserstein", "lr": 1e-4, "n_critic": 2}

FAULTS: list[tuple[str, Callable[[], Loop]]] = [
    ("double-sigmoid", lambda: Loop(discriminator=with_sigmoid())),
    ("double-sigmoid", lambda: Loop("smoothed", discriminator=with_sigmoid())),
    ("double-sigmoid", lambda: Loop("wasserstein", discriminator=with_sigmoid())),
    ("double-sigmoid", lambda: Loop("hinge", discriminator=with_sigmoid(norm=False))),
    ("saturated-loss", lambda: Loop("bce", discriminator=loud())),
    ("saturated-loss", lambda: Loop("minimax", discriminator=loud())),
    ("range-mismatch", HalfRange),
    ("range-mismatch", Bytes),
    ("real-fake-leak", PaddedReals),
    ("real-fake-leak", PaddedFakes),
    ("mixed-batch-norm", MixedBatches),
    ("mixed-batch-norm", lambda: MixedBatches("bce")),
    ("generator-frozen", DetachInTheWrongPlace),
    ("generator-frozen", lambda: DetachInTheWrongPlace("wasserstein")),
    ("generator-frozen", GeneratorNeverSteps),
    ("generator-frozen", OldParameters),
    ("discriminator-frozen", NeverThawed),
    ("optimizer-mixup", JoinedParameters),
    ("optimizer-mixup", OneOptimizer),
    ("optimizer-mixup", Swapped),
    ("optimizer-mixup", ForgottenZeroGrad),
    ("optimizer-mixup", ZeroGradTooEarly),
    ("optimizer-mixup", BothBackwardsFirst),
    ("wrong-gradient-penalty", lambda: Loop(discriminator=critic(), gp={"dim": 1}, **GP)),
    (
        "wrong-gradient-penalty",
        lambda: Loop(discriminator=critic(), gp={"create_graph": False}, **GP),
    ),
    ("batch-norm-with-gradient-penalty", lambda: Loop(gp={}, **GP)),
    ("wrong-sign", GeneratorHelps),
    ("wrong-sign", lambda: GeneratorHelps("wasserstein")),
    ("wrong-sign", lambda: GeneratorHelps("lsgan")),
    ("wrong-sign", lambda: CriticTurned("wasserstein")),
    ("wrong-sign", CriticTurned),
    ("wrong-sign", lambda: BothDown("wasserstein")),
    ("learning-rate-too-high", lambda: Loop(lr=0.05)),
    ("learning-rate-too-high", lambda: Loop("hinge", lr=0.05)),
    ("train-eval-mismatch", SampledInEval),
    ("train-eval-mismatch", AverageWithoutBuffers),
    ("train-eval-mismatch", lambda: Loop(generator=unmoving())),
    ("broken-resume", ForgottenOptimizers),
    ("broken-resume", NewDiscriminator),
]


@pytest.mark.parametrize(
    ("name", "loop"), FAULTS, ids=[f"{name}-{i}" for i, (name, _) in enumerate(FAULTS)]
)
def test_a_planted_fault_is_named_as_itself(name: str, loop: Callable[[], Loop]) -> None:
    # The check at step 30 sees all but saturation, which has to last first.
    steps = 60 if name == "saturated-loss" else 30
    assert names(loop().run(steps)) == [name]


# -- sound loops of other shapes -------------------------------------------------------


class GeneratorFirst(Loop):
    """The order of PyTorch-GAN: the generator steps first, one batch of fakes for both."""

    def step_d(self, real: Tensor) -> None:
        fake = self.fake()
        self.optim_g.zero_grad()
        self.loss_g(fake).backward()
        self.optim_g.step()
        self.optim_d.zero_grad()
        self.loss_d(real, fake.detach()).backward()
        self.optim_d.step()

    def step_g(self) -> None:
        pass


class TwoBackwards(Loop):
    """The order of the DCGAN tutorial: real and fake are sent back one after the other."""

    def step_d(self, real: Tensor) -> None:
        self.discriminator.zero_grad()
        bcel(self.discriminator(real).view(-1), 1).backward()
        self.made = self.fake()
        bcel(self.discriminator(self.made.detach()).view(-1), 0).backward()
        self.optim_d.step()

    def step_g(self) -> None:
        self.generator.zero_grad()
        bcel(self.discriminator(self.made).view(-1), 1).backward()
        self.optim_g.step()


class Undetached(Loop):
    """Wasteful but sound: the discriminator's loss reaches the generator, which zeroes it."""

    def fake_for_d(self) -> Tensor:
        return self.fake()

    def step_d(self, real: Tensor) -> None:
        self.optim_d.zero_grad()
        self.loss_d(real, self.fake()).backward()
        self.optim_d.step()


class InstanceNoise(Loop):
    """Both sides get noise before the discriminator."""

    def real(self) -> Tensor:
        return super().real() + 0.1 * torch.randn(BATCH, 1, 8, 8)

    def fake(self) -> Tensor:
        return super().fake() + 0.1 * torch.randn(BATCH, 1, 8, 8)


class Accumulated(Loop):
    def step_d(self, real: Tensor) -> None:
        self.optim_d.zero_grad()
        for part in real.chunk(2):
            (self.loss_d(part, self.fake()[: len(part)].detach()) / 2).backward()
        self.optim_d.step()


class RegularisedReals(Loop):
    """R1: the gradient at real images, in the call that the loss uses too."""

    def loss_d(self, real: Tensor, fake: Tensor) -> Tensor:
        real = real.requires_grad_(True)
        out = self.discriminator(real)
        (gradient,) = torch.autograd.grad(out.sum(), real, create_graph=True)
        loss = LOSSES[self.loss].d(out, self.discriminator(fake))
        return loss + 0.5 * gradient.square().flatten(1).sum(1).mean()


class Averaged(AverageWithoutBuffers):
    def step_g(self) -> None:
        super().step_g()
        for kept, new in zip(self.average.buffers(), self.generator.buffers(), strict=True):
            kept.copy_(new)


class GoodResume(Loop):
    def run(self, steps: int = 60) -> list[Finding]:
        for _ in range(40):
            self.step_d(self.real())
            self.step_g()
        return super().run(steps)


class GeneratorNowAndThen(Loop):
    """Five steps of the loop for one of the generator, which the doctor is not told."""

    def step_g(self) -> None:
        self.count = getattr(self, "count", -1) + 1
        if self.count % 5 == 0:
            super().step_g()


SOUND: dict[str, Callable[[], Loop]] = {
    "generator-first": GeneratorFirst,
    "two-backwards": TwoBackwards,
    "undetached": Undetached,
    "instance-noise": InstanceNoise,
    "accumulated": Accumulated,
    "r1": lambda: RegularisedReals(discriminator=critic()),
    "mixed-without-batch-norm": lambda: MixedBatches(discriminator=critic()),
    "average": Averaged,
    "resume": GoodResume,
    "generator-now-and-then": GeneratorNowAndThen,
}


@pytest.mark.parametrize("kind", SOUND)
def test_a_sound_loop_of_another_shape_is_silent(kind: str) -> None:
    assert names(SOUND[kind]().run(100)) == []


def test_r1_does_not_turn_a_hinge_loss_into_a_wasserstein_one() -> None:
    """Within outputs of 1 the two have the same slopes; R1 on real images says nothing of which."""
    loop = RegularisedReals("hinge", discriminator=critic(), lr=1e-4)
    loop.run(60)
    assert "wasserstein" not in {row.get("loss_family") for row in loop.doctor.history.rows}


def test_a_high_rate_is_information_until_it_harms() -> None:
    """Normalised nets may survive a start of very large steps; ruined images are another matter."""
    ratios = {"update_ratio_g": [0.4, *[0.02] * 39]}
    ruined = {"coverage": 0.0, "nearest_real": 6.0}

    def severities(changes: dict[str, Any]) -> list[str | None]:
        rows = run({**ratios, **changes}).rows
        found = [LearningRateTooHigh().inspect(History(rows[:n])) for n in range(1, len(rows) + 1)]
        return [None if finding is None else finding.severity for finding in found]

    survived, harmed = severities({}), severities(ruined)
    assert "info" in survived
    assert survived[-1] is None
    assert "fatal" not in survived
    assert harmed[-1] == "fatal"
