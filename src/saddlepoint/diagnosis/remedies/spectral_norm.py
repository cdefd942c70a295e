"""A discriminator whose slope is bounded by its layers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from saddlepoint.core.findings import Finding, Remedy
from saddlepoint.core.registry import register

if TYPE_CHECKING:
    from saddlepoint.core.config import Config


@register("spectral-norm")
@dataclass(frozen=True, kw_only=True)
class SpectralNorm(Remedy):
    """Spectral normalisation of every layer of the discriminator, in place of BatchNorm.

    Paper: Miyato et al. 2018, https://arxiv.org/abs/1802.05957, section 2.
    """

    cures: ClassVar[Mapping[str, int]] = {
        "discriminator-wins": 8,
        "divergence": 4,
        "non-finite": 4,
        "lipschitz-violation": 4,
        "oscillation": 6,
    }
    advice: ClassVar[str] = (
        "Wrap every layer of the discriminator in torch.nn.utils.parametrizations.spectral_norm "
        "and take its BatchNorm away."
    )

    def changes(self, config: Config, finding: Finding) -> dict[str, Any] | None:
        norm = getattr(config.arch, "discriminator_norm", None)
        clipped = getattr(config.loss, "clip", 0.0) > 0
        if norm is None or norm == "spectral" or clipped:
            return None
        return {"arch.discriminator_norm": "spectral"}
