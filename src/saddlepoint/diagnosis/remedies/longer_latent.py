"""A latent long enough to tell images apart."""

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

    cures: ClassVar[Mapping[str, int]] = {"latent-ignored": 1, "partial-mode-collapse": 7}
    advice: ClassVar[str] = "Draw z with at least 16 numbers."

    def changes(self, config: Config, finding: Finding) -> dict[str, Any] | None:
        now = getattr(config.arch, "latent_dim", None)
        return {"arch.latent_dim": self.dims} if now is not None and now < self.dims else None
