"""Penalties on the gradient of the discriminator with respect to its input, per sample."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from saddlepoint.core.checks import at_least
from saddlepoint.core.contracts import Penalty
from saddlepoint.core.ranks import sharing
from saddlepoint.core.registry import register
from saddlepoint.core.slopes import judged_with_slopes


def input_gradient(discriminator: nn.Module, images: Tensor, labels: Tensor | None) -> Tensor:
    """dD(x)/dx with its graph -> float32 [n, d], one flat row a sample."""
    return judged_with_slopes(discriminator, images, labels)[1]


@register("gradient-penalty")
@dataclass(frozen=True, kw_only=True)
class GradientPenalty(Penalty):
    """weight * (||dD/dx||_2 - target)^2 at uniform interpolates between real and fake.

    Paper: Gulrajani et al. 2017, https://arxiv.org/abs/1704.00028, equation 3 and algorithm 1.
    """

    weight: float = 10.0
    """The paper's lambda."""
    target: float = 1.0
    """The norm that the critic should have (the lecture's a)."""
    every: int = 1
    """Applied on one critic step in `every`, multiplied by `every`."""

    def __post_init__(self) -> None:
        at_least(self, 0, "weight", "target")
        at_least(self, 1, "every")

    def __call__(
        self, discriminator: nn.Module, real: Tensor, fake: Tensor, labels: Tensor | None
    ) -> Tensor:
        ones = (1,) * (real.dim() - 1)
        # Uniform (algorithm 1, line 4); a normal draw is a known bug that leaves the segment.
        share = sharing().drawn(lambda n: torch.rand(n, *ones, device=real.device), len(real))
        gradient = input_gradient(discriminator, torch.lerp(real, fake, share), labels)
        # The norm's derivative at exactly 0 is 0/0: a critic that is constant would give NaN.
        norm = (gradient.square().sum(1) + 1e-12).sqrt()
        return self.weight * (norm - self.target).square()  # equation 3


@dataclass(frozen=True, kw_only=True)
class ZeroCentredPenalty(Penalty):
    """gamma/2 * ||dD/dx||^2: the slope is pulled to 0."""

    gamma: float = 1.0
    """Strength; the formula has the factor 1/2."""
    every: int = 16
    """Applied on one discriminator step in `every`, multiplied by `every`."""

    def __post_init__(self) -> None:
        at_least(self, 0, "gamma")
        at_least(self, 1, "every")

    def of_slopes(self, slopes: Tensor) -> Tensor:
        return self.gamma / 2 * slopes.square().sum(1)


@register("r1")
@dataclass(frozen=True, kw_only=True)
class R1(ZeroCentredPenalty):
    """gamma/2 * ||dD/dx||^2 at the real images.

    Paper: Mescheder et al. 2018, https://arxiv.org/abs/1801.04406, equation 9; applied lazily
    as in Karras et al. 2020, https://arxiv.org/abs/1912.04958, section 3.1.
    """

    side = "real"

    def __call__(
        self, discriminator: nn.Module, real: Tensor, fake: Tensor, labels: Tensor | None
    ) -> Tensor:
        return self.of_slopes(input_gradient(discriminator, real, labels))


@register("r2")
@dataclass(frozen=True, kw_only=True)
class R2(ZeroCentredPenalty):
    """gamma/2 * ||dD/dx||^2 at the generated images.

    Paper: Mescheder et al. 2018, https://arxiv.org/abs/1801.04406, equation 10; together with R1
    in Huang et al. 2024, https://arxiv.org/abs/2501.05441.
    """

    side = "fake"

    def __call__(
        self, discriminator: nn.Module, real: Tensor, fake: Tensor, labels: Tensor | None
    ) -> Tensor:
        return self.of_slopes(input_gradient(discriminator, fake, labels))
