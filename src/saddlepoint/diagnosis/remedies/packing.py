"""The discriminator judges several images at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from saddlepoint.core.findings import Finding, Remedy
from saddlepoint.core.registry import register
from saddlepoint.diagnosis.remedies._arch import arch

if TYPE_CHECKING:
    from saddlepoint.core.config import Config


@register("packing")
@dataclass(frozen=True, kw_only=True)
class Packing(Remedy):
    """A generator that repeats itself is found out.

    Paper: Lin et al. 2018, https://arxiv.org/abs/1712.04086, section 2 (PacGAN).
    """

    images: int = 3
    """Images judged at once."""

    advice = (
        "Let the discriminator judge two to four images of one kind at once, joined along their "
        "channels (PacGAN)."
    )

    def changes(self, config: Config, finding: Finding) -> dict[str, Any] | None:
        return arch(config.arch.raised("packing", self.images)) or None
