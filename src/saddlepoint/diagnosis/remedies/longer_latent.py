"""A latent long and large enough to tell images apart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from saddlepoint.core.findings import Finding, Remedy
from saddlepoint.core.registry import register

if TYPE_CHECKING:
    from saddlepoint.core.config import Config


@register("longer-latent")
@dataclass(frozen=True, kw_only=True)
class LongerLatent(Remedy):
    """A z of one or two numbers is drowned by the label beside it, or is too thin for the data."""

    dims: int = 16
    """Least length of z."""

    cures: ClassVar[Mapping[str, int]] = {
        "latent-ignored": 1,
        "complete-mode-collapse": 1,
        "oscillation": 1,
        "partial-mode-collapse": 7,
    }
    advice: ClassVar[str] = "Draw z with at least 16 numbers, of the size of the label beside it."

    def changes(self, config: Config, finding: Finding) -> dict[str, Any] | None:
        found: dict[str, Any] = {}
        # One point that is drawn for every z collapses or circles whatever else is done, so a z
        # that is scaled down comes first there; a short one is no such fault.
        short = finding.name not in ("complete-mode-collapse", "oscillation")
        if short and getattr(config.arch, "latent_dim", self.dims) < self.dims:
            found["arch.latent_dim"] = self.dims
        if getattr(config.arch, "latent_scale", 1.0) < 1:
            found["arch.latent_scale"] = 1.0
        return found or None
