"""What the two detectors of a frozen net share: does its optimiser move it?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from saddlepoint.core.findings import Finding
from saddlepoint.core.history import History
from saddlepoint.diagnosis.detectors._base import WiringDetector
from saddlepoint.diagnosis.detectors._checks import Checks

NAMES = {"g": "generator", "d": "discriminator"}


@dataclass(frozen=True, kw_only=True)
class FrozenDetector(WiringDetector):
    """One player's steps change nothing, or there are no such steps."""

    player: ClassVar[Literal["g", "d"]]

    m: int = 3
    k: int = 3
    # Five times the n_critic of 5 that Wasserstein losses usually have.
    idle: float = 25
    """Steps of the other player without a single one of this player's."""

    def has_slope(self, checks: Checks) -> np.ndarray:
        """bool [checks]: the loss asks this player to move. A loss that is flat everywhere moves
        nothing either, and that is not a wiring fault."""
        raise NotImplementedError  # each of the two detectors knows its own sign of a slope

    def inspect(self, history: History) -> Finding | None:
        return self._never_steps(history) or self._stands_still(history)

    def _never_steps(self, history: History) -> Finding | None:
        own, other = f"steps_{self.player}", "steps_d" if self.player == "g" else "steps_g"
        checks = self.checks(history, own, other)
        steps = float(checks[other].sum())
        # Players take turns, so some steps of the other one alone are not a fault yet.
        if len(checks) < 2 or checks[own].any() or steps < self.idle:
            return None
        message = (
            f"The {NAMES[self.player]}'s optimiser has not taken a single step while the other "
            f"one took {steps:.0f}: call its step() in the loop."
        )
        return checks.finding(self, 0, message, checks.evidence(own, low=1.0))

    def _stands_still(self, history: History) -> Finding | None:
        ratio, gradient = f"update_ratio_{self.player}", f"missing_gradient_{self.player}"
        checks = self.checks(history, ratio, gradient)
        missing, held = checks[gradient], checks[f"held_{self.player}"]
        # An update of exactly 0 where the weights should move: a small one is a low learning rate.
        should_move = (missing == 1) | (held == 0) | self.has_slope(checks)
        first = self.since(checks, (checks[ratio] == 0) & should_move)
        if first is None:
            return None
        name, reason = NAMES[self.player], self._reason(float(missing[-1]), float(held[-1]))
        return checks.finding(
            self,
            first,
            f"The {name}'s weights do not move at its own steps: {reason}",
            checks.evidence(ratio, low=1e-7),
            checks.evidence(gradient, 0.0, 0.99),
        )

    def _reason(self, missing: float, held: float) -> str:
        if held == 0:
            return (
                "its optimiser holds none of them. Build the optimiser from this net's parameters."
            )
        if missing < 1:
            return "they have gradients. Look for a learning rate of 0."
        if self.player == "g":
            return (
                "no gradient reaches them. Look for detach(), no_grad() or rounding between the "
                "generator and the discriminator in the generator's step."
            )
        return "no gradient reaches them. Look for requires_grad = False that was never undone."
