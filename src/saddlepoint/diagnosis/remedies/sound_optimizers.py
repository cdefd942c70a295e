"""Learning rates and momentum back to where GANs are known to train."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from saddlepoint.core.findings import Finding, Remedy
from saddlepoint.core.registry import register

if TYPE_CHECKING:
    from saddlepoint.core.config import Config


@register("sound-optimizers")
@dataclass(frozen=True, kw_only=True)
class SoundOptimizers(Remedy):
    """Mends a setting that is off the usual: a rate too high or too low, one player far faster.

    Gives nothing where both optimisers are as usual: then the cause lies elsewhere.
    """

    lowest: float = 1e-4
    """Least learning rate."""
    highest: float = 2e-3
    """Greatest learning rate."""
    ratio: float = 4.0
    """One player's rate may be this many times the other's; beyond, both get their mean."""
    beta1: float = 0.5
    """Greatest momentum of Adam; 0.9, the default elsewhere, makes the players circle."""

    cures: ClassVar[Mapping[str, int]] = {
        "learning-rate-too-high": 1,
        "divergence": 1,
        "non-finite": 1,
        "oscillation": 1,
        "discriminator-wins": 1,
        "generator-wins": 1,
        "weak-discriminator": 1,
        "complete-mode-collapse": 1,
        "partial-mode-collapse": 1,
        "latent-ignored": 1,
        "saturated-loss": 2,
    }
    advice: ClassVar[str] = (
        "Use Adam with a learning rate of 1e-4 to 1e-3 and beta1 of 0 or 0.5 for both players, "
        "and let neither be more than four times as fast as the other."
    )

    def changes(self, config: Config, finding: Finding) -> dict[str, Any] | None:
        rates: dict[str, float] = {
            player: getattr(config, player).lr for player in ("optim_g", "optim_d")
        }
        usual = {p: self.lowest <= lr <= self.highest for p, lr in rates.items()}
        sound = {p: min(max(lr, self.lowest), self.highest) for p, lr in rates.items()}
        if sum(usual.values()) == 1:  # the other player's rate is known to suit this data
            known = next(lr for p, lr in rates.items() if usual[p])
            sound = dict.fromkeys(rates, known)
        if max(sound.values()) > self.ratio * min(sound.values()):
            mean = math.sqrt(math.prod(sound.values()))
            sound = dict.fromkeys(rates, mean)
        found: dict[str, Any] = {f"{p}.lr": lr for p, lr in sound.items() if lr != rates[p]}
        for player in rates:
            if getattr(getattr(config, player), "beta1", 0.0) > self.beta1:
                found[f"{player}.beta1"] = self.beta1
        return found or None
