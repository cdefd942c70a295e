"""The relativistic pairing loss: each fake is judged against a real image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor
from torch.nn.functional import softplus

from saddlepoint.core.contracts import AdversarialLoss
from saddlepoint.core.registry import register


@register("relativistic")
@dataclass(frozen=True, kw_only=True)
class Relativistic(AdversarialLoss):
    """softplus of the gap between the i-th real and the i-th fake, in either direction.

    Paper: Jolicoeur-Martineau 2019, https://arxiv.org/abs/1807.00734, section 4.1 (RpGAN).
    """

    reading: ClassVar[str] = (
        "Only the gap between real and fake logits has a meaning here; both may drift together. "
        "Both losses are log 2 = 0.693 when the discriminator cannot tell a pair apart. In a "
        "healthy run the discriminator's loss is below that and the generator's above it, both "
        "steady. A gap that grows without end says that the discriminator has won."
    )

    def discriminator(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        return softplus(fake_logits - real_logits)

    def generator(self, fake_logits: Tensor, real_logits: Tensor | None = None) -> Tensor:
        assert real_logits is not None
        # The discriminator's gap, turned round: what one player gains, the other loses.
        return softplus(real_logits - fake_logits)
