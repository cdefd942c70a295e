"""The player that is ahead learns more slowly; both do where they circle or diverge."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from saddlepoint.core.findings import Finding, Remedy
from saddlepoint.core.registry import register

if TYPE_CHECKING:
    from saddlepoint.core.config import Config

_SLOWER: dict[str, tuple[str, ...]] = {
    "discriminator-wins": ("optim_d",),
    "generator-wins": ("optim_g",),
    "weak-discriminator": ("optim_g",),
    "complete-mode-collapse": ("optim_g",),
    "partial-mode-collapse": ("optim_g",),
    "oscillation": ("optim_g", "optim_d"),
    "divergence": ("optim_g", "optim_d"),
    "non-finite": ("optim_g", "optim_d"),
    "learning-rate-too-high": ("optim_g", "optim_d"),
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

    cures: ClassVar[Mapping[str, int]] = {
        "learning-rate-too-high": 2,
        "divergence": 2,
        "non-finite": 2,
        "oscillation": 4,
        "discriminator-wins": 5,
        "generator-wins": 4,
        "weak-discriminator": 4,
        "complete-mode-collapse": 8,
        "partial-mode-collapse": 8,
    }
    advice: ClassVar[str] = (
        "Divide the learning rate of the player that is ahead by four (of both, where they circle "
        "or diverge)."
    )

    def changes(self, config: Config, finding: Finding) -> dict[str, Any] | None:
        slower = _SLOWER.get(finding.name, ())
        if len(slower) == 1:
            (ahead,) = slower
            behind = "optim_d" if ahead == "optim_g" else "optim_g"
            if getattr(config, ahead).lr < getattr(config, behind).lr:
                return None  # it is the slower one already
        found = {f"{p}.lr": getattr(config, p).lr / self.factor for p in slower}
        return found if found and min(found.values()) >= self.lowest else None
