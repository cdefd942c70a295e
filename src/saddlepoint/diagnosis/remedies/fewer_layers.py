"""A discriminator that wins loses layers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from saddlepoint.core.findings import Finding, Remedy
from saddlepoint.core.registry import register
from saddlepoint.diagnosis.remedies._arch import arch

if TYPE_CHECKING:
    from saddlepoint.core.config import Config


@register("fewer-layers")
@dataclass(frozen=True, kw_only=True)
class FewerLayers(Remedy):
    """Takes away layers of the discriminator, a few at a time."""

    advice = "Take a layer away from the discriminator, or halve its width."

    def changes(self, config: Config, finding: Finding) -> dict[str, Any] | None:
        # Which layers can go is the architecture's to say.
        return arch(config.arch.weaker_discriminator()) or None
