"""The original objective and its non-saturating form.

With logits l, D = sigmoid(l), so log D = -softplus(-l) and log(1 - D) = -softplus(l): no sigmoid
is ever computed and nothing overflows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn.functional import softplus

from saddlepoint.core.contracts import AdversarialLoss
from saddlepoint.core.registry import register

_READING = (
    "Cross-entropy curves do not fall as a classifier's do: the players pull against each other. "
    "If the discriminator can only guess, its loss is 2 log 2 = 1.386 and its mean logits are 0. "
    "A healthy run keeps it below that, steady, with real logits above and fake logits below 0. "
    "A discriminator loss that goes to 0 says that the discriminator has won. "
)


@register("minimax")
@dataclass(frozen=True, kw_only=True)
class Minimax(AdversarialLoss):
    """Both players on one value: E[log D(x)] + E[log(1 - D(G(z)))].

    The generator's gradient carries the factor D(G(z)) and vanishes where the discriminator is
    sure: the saturation that the non-saturating form avoids.

    Paper: Goodfellow et al. 2014, https://arxiv.org/abs/1406.2661, equation 1.
    """

    reading: ClassVar[str] = _READING + (
        "The generator minimises log(1 - D): its loss is -log 2 = -0.693 when the discriminator "
        "guesses, rises to 0 as the generator is beaten, and its gradient vanishes there."
    )
    forms: ClassVar = (torch.logit,)  # binary cross-entropy of a sigmoid's output

    def discriminator(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        return softplus(-real_logits) + softplus(fake_logits)  # equation 1, negated

    def generator(self, fake_logits: Tensor, real_logits: Tensor | None = None) -> Tensor:
        return -softplus(fake_logits)  # log(1 - D)


@register("non-saturating")
@dataclass(frozen=True, kw_only=True)
class NonSaturating(AdversarialLoss):
    """The discriminator as in minimax; the generator maximises E[log D(G(z))].

    Paper: Goodfellow et al. 2014, https://arxiv.org/abs/1406.2661, section 3.
    """

    reading: ClassVar[str] = _READING + (
        "The generator's loss -log D is log 2 = 0.693 when the discriminator guesses. It often "
        "climbs slowly while images still improve; a rise without end says that it is beaten."
    )
    aliases: ClassVar = ("bce", "bce-logits")
    forms: ClassVar = (torch.logit,)  # binary cross-entropy of a sigmoid's output

    def discriminator(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        return softplus(-real_logits) + softplus(fake_logits)  # equation 1, negated

    def generator(self, fake_logits: Tensor, real_logits: Tensor | None = None) -> Tensor:
        return softplus(-fake_logits)  # -log D: steepest where the discriminator rejects
