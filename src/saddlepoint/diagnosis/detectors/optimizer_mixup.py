"""A step of one player moves the other, or uses the other's gradients."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from saddlepoint.core.findings import Finding
from saddlepoint.core.history import History
from saddlepoint.core.registry import register
from saddlepoint.diagnosis.detectors._base import WiringDetector
from saddlepoint.diagnosis.detectors._frozen import NAMES

SHARED = (
    "{value:.0f} parameters of one net are held by the other net's optimiser, so each player's "
    "step moves its opponent. Build each optimiser from its own net alone."
)
MOVED = (
    "The {player} moves in the other player's step. Give each optimiser the parameters of its own "
    "net alone."
)
STALE = (
    "At the {player}'s step, {percent:.0f} % of its gradient is left over from other backward "
    "passes: set its gradients to zero before its own backward pass, after the other player's step."
)
FAULTS = (
    ("shared_parameters", "", SHARED),
    ("d_moved_in_g_step", "d", MOVED),
    ("g_moved_in_d_step", "g", MOVED),
    ("stale_gradient_d", "d", STALE),
    ("stale_gradient_g", "g", STALE),
)
"""Column that should be 0, the player that it is about, and what to say where it is not."""


@register("optimizer-mixup")
@dataclass(frozen=True, kw_only=True)
class OptimizerMixup(WiringDetector):
    """An optimiser holds the other net's weights, or steps with gradients that are not its own.

    In its own step a player must move alone, by the gradient of its own loss. An optimiser with the
    parameters of both nets lets the generator's step spoil the discriminator; a missing
    zero_grad() adds the other player's gradients, and those of all earlier steps, to each step.
    Reference: https://github.com/soumith/ganhacks/issues/29
    """

    stale: float = 1e-3
    """Share of a gradient that may be left over from before."""

    def inspect(self, history: History) -> Finding | None:
        for name, player, message in FAULTS:
            checks = self.checks(history, name)
            most, wrong = 0.0, checks[name] > 0
            if message is STALE:
                # An optimiser that holds none of the weights zeroes none: that is a frozen net.
                most, idle = self.stale, checks[f"held_{player}"] == 0
                wrong = (checks[name] > most) & ~idle
            first = self.since(checks, wrong)
            if first is not None:
                # What is left over grows with the steps: the usual share, not the last one.
                value = float(np.median(checks[name][first:]))
                words = {"player": NAMES.get(player), "value": value, "percent": 100 * value}
                evidence = checks.evidence(name, 0.0, most, value=value)
                return checks.finding(self, first, message.format(**words), evidence)
        return None
