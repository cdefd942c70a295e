"""The hinge loss: outputs that are right by a margin no longer count."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor
from torch.nn.functional import relu

from saddlepoint.core.contracts import AdversarialLoss
from saddlepoint.core.registry import register


@register("hinge")
@dataclass(frozen=True, kw_only=True)
class Hinge(AdversarialLoss):
    """E[max(0, 1 - D(x))] + E[max(0, 1 + D(G(z)))]; the generator raises E[D(G(z))].

    Papers: Lim & Ye 2017, https://arxiv.org/abs/1705.02894; Miyato et al. 2018,
    https://arxiv.org/abs/1802.05957, equations 16 and 17.
    """

    reading: ClassVar[str] = (
        "The discriminator's loss is 2 when it can only guess, and between 0 and 2 in a healthy "
        "run. At 0 every image is right by a margin of 1: the discriminator gets no gradient, "
        "learns nothing more, and has won. The generator's loss is minus the mean fake logit: it "
        "crosses 0 freely, and only a rise without end says that the generator is beaten."
    )

    def discriminator(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        return relu(1 - real_logits) + relu(1 + fake_logits)  # equation 16, negated

    def generator(self, fake_logits: Tensor, real_logits: Tensor | None = None) -> Tensor:
        return -fake_logits  # equation 17
