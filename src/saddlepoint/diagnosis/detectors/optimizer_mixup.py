"""A step of one player moves the other, or uses the other's gradients."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from saddlepoint.core.checks import above
from saddlepoint.core.findings import Finding
from saddlepoint.core.registry import register
from saddlepoint.core.runs import History
from saddlepoint.diagnosis.detectors._base import WiringDetector
from saddlepoint.diagnosis.detectors._checks import Checks
from saddlepoint.diagnosis.detectors._frozen import NAMES


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

    def __post_init__(self) -> None:
        super().__post_init__()
        above(self, 0, "stale")

    def inspect(self, history: History) -> Finding | None:
        return (
            self._shared(history)
            or self._moved(history, "d", "g")
            or self._moved(history, "g", "d")
            or self._stale(history, "d")
            or self._stale(history, "g")
        )

    def _shared(self, history: History) -> Finding | None:
        checks = self.checks(history, "shared_parameters")
        advice = (
            "{value:.0f} parameters of one net are held by the other net's optimiser, so each "
            "player's step moves its opponent. Build each optimiser from its own net alone."
        )
        wrong = checks["shared_parameters"] > 0
        return self._lasting(checks, "shared_parameters", wrong, 0.0, advice)

    def _moved(self, history: History, player: str, other: str) -> Finding | None:
        name = f"{player}_moved_in_{other}_step"
        checks = self.checks(history, name)
        advice = (
            f"The {NAMES[player]} moves in the other player's step. Give each optimiser the "
            "parameters of its own net alone."
        )
        return self._lasting(checks, name, checks[name] > 0, 0.0, advice)

    def _stale(self, history: History, player: str) -> Finding | None:
        name = f"stale_gradient_{player}"
        checks = self.checks(history, name)
        # An optimiser that holds none of the weights zeroes none: that is a frozen net.
        holds_some = ~(checks[f"held_{player}"] == 0)
        advice = (
            f"At the {NAMES[player]}'s step, {{percent:.0f}} % of its gradient is left over from "
            "other backward passes: set its gradients to zero before its own backward pass, after "
            "the other player's step."
        )
        wrong = (checks[name] > self.stale) & holds_some
        return self._lasting(checks, name, wrong, self.stale, advice)

    def _lasting(
        self, checks: Checks, name: str, wrong: np.ndarray, most: float, advice: str
    ) -> Finding | None:
        """The finding that a column is `wrong` and stays so; `advice` has a place for its value."""
        first = self.since(checks, wrong)
        if first is None:
            return None
        value = float(np.median(checks[name][first:]))
        message = advice.format(value=value, percent=100 * value)
        return checks.finding(self, first, message, checks.evidence(name, 0.0, most, value=value))
