"""The Wasserstein distance by a critic, with optional weight clipping."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from saddlepoint.core.checks import at_least
from saddlepoint.core.contracts import AdversarialLoss
from saddlepoint.core.registry import register


@register("wasserstein")
@dataclass(frozen=True, kw_only=True)
class Wasserstein(AdversarialLoss):
    """The critic maximises E[D(x)] - E[D(G(z))]; the generator raises E[D(G(z))].

    Paper: Arjovsky et al. 2017, https://arxiv.org/abs/1701.07875, equation 2 and algorithm 1.
    """

    clip: float = 0.0
    """Every critic parameter is clamped to [-clip, clip] after each critic step; 0: no clipping."""

    reading: ClassVar[str] = (
        "The critic's loss, shown without any penalty, is minus its estimate of the Wasserstein "
        "distance. It starts near 0, drops fast as the critic learns, and should then "
        "rise slowly towards 0 while images improve: unlike a cross-entropy, its size means "
        "something. Only its trend counts under weight clipping, where the scale is arbitrary. "
        "The generator's loss has a free offset and says little by itself."
    )
    aliases: ClassVar = ("wgan",)
    needs_penalty: ClassVar = True

    def __post_init__(self) -> None:
        at_least(self, 0, "clip")

    def discriminator(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        return fake_logits - real_logits  # equation 2, negated: the critic minimises this

    def generator(self, fake_logits: Tensor, real_logits: Tensor | None = None) -> Tensor:
        return -fake_logits

    @property
    def clips(self) -> bool:
        return self.clip > 0

    def constrain(self, discriminator: nn.Module) -> None:
        if self.clips:
            with torch.no_grad():
                for parameter in discriminator.parameters():
                    if parameter.requires_grad:  # a layer that is kept fixed stays as it is
                        parameter.clamp_(-self.clip, self.clip)
