"""A critic that is too steep is held more firmly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from saddlepoint.core.findings import Finding, Remedy
from saddlepoint.core.registry import register
from saddlepoint.diagnosis.remedies._arch import usual_weight

if TYPE_CHECKING:
    from saddlepoint.core.config import Config


@register("stronger-penalty")
@dataclass(frozen=True, kw_only=True)
class StrongerPenalty(Remedy):
    """Raises a gradient penalty's weight that is below the usual, and applies it at every step.

    Paper: Gulrajani et al. 2017, https://arxiv.org/abs/1704.00028, section 4 (lambda = 10).
    """

    weight: float = 10.0
    """The greatest weight; nets that may judge points get a tenth of it first."""

    advice = (
        "Give the gradient penalty a weight of 10 or more, at every critic step, and use Adam "
        "with betas (0, 0.9)."
    )

    def changes(self, config: Config, finding: Finding) -> dict[str, Any] | None:
        found: dict[str, Any] = {}
        penalties: tuple[Any, ...] = config.penalties
        for index, penalty in enumerate(penalties):
            if penalty.kind != "gradient-penalty":
                continue
            if penalty.weight < self.weight:
                # First to the usual weight, and to the greatest if that is too little.
                usual = usual_weight(config)
                weight = usual if penalty.weight < usual else self.weight
                found[f"penalties.{index}.weight"] = weight
            if penalty.every > 1:
                found[f"penalties.{index}.every"] = 1
        return found or None
