"""Learning rates and momentum back to where GANs are known to train."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from saddlepoint.core.findings import Finding, Remedy
from saddlepoint.core.registry import register

if TYPE_CHECKING:
    from saddlepoint.core.config import Config


@register("sound-optimizers")
@dataclass(frozen=True, kw_only=True)
class SoundOptimizers(Remedy):
    """Corrects an unusual setting: a rate too high or too low, one player far ahead of the other.

    It changes nothing where both optimisers are as usual: then the cause lies elsewhere.
    """

    lowest: float = 1e-4
    """Least learning rate."""
    highest: float = 2e-3
    """Greatest learning rate."""
    ratio: float = 4.0
    """One player's rate may be this many times the other's; beyond, both get their mean."""
    beta1: float = 0.5
    """Greatest momentum of Adam; 0.9, the default elsewhere, makes the players circle."""

    advice = (
        "Use Adam with a learning rate of 1e-4 to 1e-3 and beta1 of 0 or 0.5 for both players, "
        "and let neither be more than four times as fast as the other."
    )

    def changes(self, config: Config, finding: Finding) -> dict[str, Any] | None:
        players = {"optim_g": config.optim_g, "optim_d": config.optim_d}
        rates = {player: optimizer.lr for player, optimizer in players.items()}
        usual = [lr for lr in rates.values() if self.lowest <= lr <= self.highest]
        sound = {p: min(max(lr, self.lowest), self.highest) for p, lr in rates.items()}
        if len(usual) == 1:  # the other player's rate is known to suit this data
            sound = dict.fromkeys(rates, usual[0])
        # Two time scales are fine (Heusel et al. 2017), within bounds.
        if max(sound.values()) > self.ratio * min(sound.values()):
            sound = dict.fromkeys(rates, math.sqrt(math.prod(sound.values())))
        found: dict[str, Any] = {f"{p}.lr": lr for p, lr in sound.items() if lr != rates[p]}
        for player, optimizer in players.items():
            # Only Adam's kind of optimiser has this momentum.
            if getattr(optimizer, "beta1", 0.0) > self.beta1:
                found[f"{player}.beta1"] = self.beta1
        return found or None
