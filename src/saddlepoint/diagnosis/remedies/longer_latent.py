"""A latent long and large enough to tell images apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from saddlepoint.core.findings import Finding, Remedy
from saddlepoint.core.registry import register
from saddlepoint.diagnosis.remedies._arch import arch

if TYPE_CHECKING:
    from saddlepoint.core.config import Config


@register("longer-latent")
@dataclass(frozen=True, kw_only=True)
class LongerLatent(Remedy):
    """A z of one or two numbers is drowned by the label beside it, or is too thin for the data."""

    dims: int = 16
    """Least length of z."""

    advice = "Draw z with at least 16 numbers, of the size of the label beside it."

    def changes(self, config: Config, finding: Finding) -> dict[str, Any] | None:
        found = config.arch.raised("latent_scale", 1.0)
        # One point drawn for every z collapses or circles whatever else is done, so a z that is
        # scaled down comes first there; a short one is not such a fault.
        if finding.name not in ("complete-mode-collapse", "oscillation"):
            found |= config.arch.raised("latent_dim", self.dims)
        return arch(found) or None
