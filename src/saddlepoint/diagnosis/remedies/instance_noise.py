"""Noise on everything that the discriminator sees, which fades."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from saddlepoint.core.findings import Finding, Remedy
from saddlepoint.core.registry import register

if TYPE_CHECKING:
    from saddlepoint.core.config import Config


@register("instance-noise")
@dataclass(frozen=True, kw_only=True)
class InstanceNoise(Remedy):
    """Real and generated distributions get a common support.

    Paper: Sønderby et al. 2017, https://arxiv.org/abs/1610.04490, section 3.2.
    """

    deviation: float = 0.2
    """Standard deviation at the start, in units of images in [-1, 1]."""

    advice = (
        "Add Gaussian noise (deviation 0.1 to 0.2, fading to 0) to the real and to the generated "
        "images that the discriminator sees."
    )

    def changes(self, config: Config, finding: Finding) -> dict[str, Any] | None:
        if config.train.instance_noise >= self.deviation:
            # Stronger noise of the user's own is kept.
            return None
        return {"train.instance_noise": self.deviation}
