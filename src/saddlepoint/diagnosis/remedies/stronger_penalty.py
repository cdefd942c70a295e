"""A critic that is too steep is held more firmly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from saddlepoint.core.findings import Finding, Remedy
from saddlepoint.core.registry import register
from saddlepoint.diagnosis.remedies._penalties import usual_weight

if TYPE_CHECKING:
    from saddlepoint.core.config import Config


@register("stronger-penalty")
@dataclass(frozen=True, kw_only=True)
class StrongerPenalty(Remedy):
    """The weight of a gradient penalty that is below the usual, and its application at every step.

    Paper: Gulrajani et al. 2017, https://arxiv.org/abs/1704.00028, section 4 (lambda = 10).
    """

    weight: float = 10.0
    """The greatest weight; fully connected nets get a tenth of it first."""

    cures: ClassVar[Mapping[str, int]] = {
        "lipschitz-violation": 1,
        "divergence": 5,
        "wrong-gradient-penalty": 2,
    }
    advice: ClassVar[str] = (
        "Give the gradient penalty a weight of 10 or more, at every critic step, and use Adam "
        "with betas (0, 0.9)."
    )

    def changes(self, config: Config, finding: Finding) -> dict[str, Any] | None:
        found: dict[str, Any] = {}
        for index, penalty in enumerate(config.penalties):
            if penalty.kind != "gradient-penalty":
                continue
            now = getattr(penalty, "weight", self.weight)
            if now < self.weight:
                usual = usual_weight(config)
                found[f"penalties.{index}.weight"] = usual if now < usual else self.weight
            if penalty.every > 1:
                found[f"penalties.{index}.every"] = 1
        return found or None
