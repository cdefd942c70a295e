"""More data out of the same: random changes on both sides, so that they do not leak."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from saddlepoint.core.findings import Finding, Remedy
from saddlepoint.core.registry import register

if TYPE_CHECKING:
    from saddlepoint.core.config import Config


@register("data-augmentation")
@dataclass(frozen=True, kw_only=True)
class DataAugmentation(Remedy):
    """Shifts and holes in all that the discriminator sees. Only for nets of images: points cannot
    be shifted.

    Paper: Zhao et al. 2020, https://arxiv.org/abs/2006.10738, section 3.3.
    """

    translation: float = 0.125
    """Greatest shift, as a share of the sides."""
    cutout: float = 0.4
    """Side of the hole, as a share of the sides."""

    advice = (
        "Augment the real and the generated images alike before the discriminator, "
        "differentiably (DiffAugment), or gather more data."
    )

    def changes(self, config: Config, finding: Finding) -> dict[str, Any] | None:
        if config.arch.takes_points():
            return None
        # Stronger settings of the user's own are kept.
        if config.augment.translation >= self.translation and config.augment.cutout >= self.cutout:
            return None
        return {"augment.translation": self.translation, "augment.cutout": self.cutout}
