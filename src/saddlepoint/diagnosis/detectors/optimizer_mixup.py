"""A step of one player moves the other, or uses the other's gradients."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from saddlepoint.core.checks import above, at_least
from saddlepoint.core.findings import Detector, Evidence, Finding
from saddlepoint.core.registry import register
from saddlepoint.core.runs import History
from saddlepoint.diagnosis.detectors._checks import Checks
from saddlepoint.diagnosis.detectors._wiring import early, sound

_SHARED = "parameters of one net that the other net's optimiser holds"
_MOVED = "2-norm of the change in a step of the other player's optimiser"
_STALE = "share of the gradient that was left over from other backward passes"


@register("optimizer-mixup")
@dataclass(frozen=True, kw_only=True)
class OptimizerMixup(Detector):
    """An optimiser holds the other net's weights, or steps with gradients that are not its own.

    In its own step a player must move alone, by the gradient of its own loss. An optimiser with the
    parameters of both nets lets the generator's step spoil the discriminator; a missing
    zero_grad() adds the other player's gradients, and those of all earlier steps, to each step.
    Reference: https://github.com/soumith/ganhacks/issues/29
    """

    stale: float = 1e-3
    """Share of a gradient that may be left over from before."""
    looks: int = 2
    """Checks in a row that must show it."""

    def __post_init__(self) -> None:
        above(self, 0, "stale")
        at_least(self, 1, "looks")

    def inspect(self, history: History) -> Finding | None:
        for name, player, note in (
            ("shared_parameters", "", _SHARED),
            ("d_moved_in_g_step", "discriminator", _MOVED),
            ("g_moved_in_d_step", "generator", _MOVED),
            ("stale_gradient_d", "discriminator", _STALE),
            ("stale_gradient_g", "generator", _STALE),
        ):
            looks = Checks(history, name)
            most = self.stale if note is _STALE else 0.0
            # An optimiser that holds none of the weights zeroes none: a frozen net.
            holds = ~(looks[f"held_{name[-1]}"] == 0) if note is _STALE else True
            first = looks.lasting((looks[name] > most) & holds, self.looks, self.looks)
            if first is not None:
                value = float(np.median(looks[name][first:]))
                evidence = Evidence(name=name, value=value, healthy=(0.0, most), note=note)
                message = _message(note, player, value)
                return looks.finding(self, first, "fatal", message, (evidence,))
        return None

    @classmethod
    def healthy(cls) -> list[History]:
        once = {"stale_gradient_d": [None, 0.4, 0.0, 0.0, 0.0, 0.0]}
        return [*sound(), early(once)]

    @classmethod
    def unhealthy(cls) -> list[History]:
        return [
            early({"shared_parameters": 12.0, "d_moved_in_g_step": 0.3}),
            early({"g_moved_in_d_step": 0.2}),
            early({"stale_gradient_d": [None, 0.3, 0.6, 0.9, 0.95, 0.97]}),
            early({"stale_gradient_g": 0.5}),
        ]


def _message(note: str, player: str, value: float) -> str:
    if note is _SHARED:
        return (
            f"{value:.0f} parameters of one net are held by the other net's optimiser: each "
            "player's step then moves its opponent. Build each optimiser from its own net alone."
        )
    if note is _MOVED:
        return (
            f"The {player} moves in the other player's step. Give each optimiser the parameters of "
            "its own net alone."
        )
    return (
        f"At the {player}'s step {100 * value:.0f} % of its gradient is left over from other "
        "backward passes: set its gradients to zero before its own backward pass, after the other "
        "player's step."
    )
