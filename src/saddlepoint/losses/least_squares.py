"""Least squares instead of cross-entropy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from saddlepoint.core.contracts import AdversarialLoss
from saddlepoint.core.registry import register


@register("least-squares")
@dataclass(frozen=True, kw_only=True)
class LeastSquares(AdversarialLoss):
    """Real logits are pulled to 1 and fake ones to -1; the generator pulls them to 1.

    Paper: Mao et al. 2017, https://arxiv.org/abs/1611.04076, equation 9. Differs from the paper:
    fakes are pulled to -1 instead of 0, which is the same game with D = (logit + 1) / 2 and four
    times the loss; a logit of 0 then means "cannot tell", as in the other losses here.
    """

    reading: ClassVar[str] = (
        "A discriminator that can only guess answers 0 everywhere: its loss is then 1 and the "
        "generator's 0.5. Healthy runs stay below the first and above the second. A "
        "discriminator's loss of 0 with a generator's loss of 2 says that the discriminator has "
        "won, but the generator's gradient grows with its error and does not vanish in the loss."
    )
    aliases: ClassVar = ("lsgan",)
    forms: ClassVar = (lambda outputs: 2 * outputs - 1,)  # fakes pulled to 0, as in most code

    def discriminator(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        # Equation 9 with b = 1 for real images and a = -1 for fakes.
        return ((real_logits - 1).square() + (fake_logits + 1).square()) / 2

    def generator(self, fake_logits: Tensor, real_logits: Tensor | None = None) -> Tensor:
        return (fake_logits - 1).square() / 2
