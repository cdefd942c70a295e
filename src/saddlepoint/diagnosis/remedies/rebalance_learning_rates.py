"""The player that is ahead learns more slowly; both do where they circle or diverge."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from saddlepoint.core.findings import Finding, Remedy
from saddlepoint.core.registry import register

if TYPE_CHECKING:
    from saddlepoint.core.config import Config


_BOTH = ("optim_g", "optim_d")
_SLOWER = {
    "discriminator-wins": ("optim_d",),
    "generator-wins": ("optim_g",),
    "weak-discriminator": ("optim_g",),
    "complete-mode-collapse": ("optim_g",),
    "partial-mode-collapse": ("optim_g",),
    "oscillation": _BOTH,
    "divergence": _BOTH,
    "non-finite": _BOTH,
    "learning-rate-too-high": _BOTH,
}


@register("rebalance-learning-rates")
@dataclass(frozen=True, kw_only=True)
class RebalanceLearningRates(Remedy):
    """Divides a learning rate: two time scales, as long as the ratio stays within bounds.

    Paper: Heusel et al. 2017, https://arxiv.org/abs/1706.08500, section 2.
    """

    factor: float = 4.0
    """What the rate is divided by."""
    lowest: float = 2e-5
    """No rate falls below this."""

    advice = (
        "Divide the learning rate of the player that is ahead by four (of both, where they circle "
        "or diverge)."
    )

    def changes(self, config: Config, finding: Finding) -> dict[str, Any] | None:
        slower = _SLOWER.get(finding.name, ())
        rates = {"optim_g": config.optim_g.lr, "optim_d": config.optim_d.lr}
        if len(slower) == 1 and rates[slower[0]] < max(rates.values()):
            return None  # it is the slower one already
        # At the floor it gives up: training would barely move within the budget.
        found = {f"{player}.lr": rates[player] / self.factor for player in slower}
        return found if found and min(found.values()) >= self.lowest else None
