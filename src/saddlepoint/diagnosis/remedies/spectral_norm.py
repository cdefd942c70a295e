"""A discriminator whose slope is bounded by its layers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from saddlepoint.core.findings import Finding, Remedy
from saddlepoint.core.registry import register
from saddlepoint.diagnosis.remedies._arch import arch

if TYPE_CHECKING:
    from saddlepoint.core.config import Config


@register("spectral-norm")
@dataclass(frozen=True, kw_only=True)
class SpectralNorm(Remedy):
    """Spectral normalisation of every layer of the discriminator, instead of BatchNorm.

    Paper: Miyato et al. 2018, https://arxiv.org/abs/1802.05957, section 2.
    """

    advice = (
        "Wrap every layer of the discriminator in torch.nn.utils.parametrizations.spectral_norm "
        "and remove its BatchNorm."
    )

    def changes(self, config: Config, finding: Finding) -> dict[str, Any] | None:
        if config.loss.clips:
            # Two bounds on one critic: which of them holds would be chance.
            return None
        return arch(config.arch.with_spectral_norm()) or None
