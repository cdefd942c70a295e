"""The discriminator does not learn at all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from saddlepoint.core.checks import at_least
from saddlepoint.core.findings import Detector, Finding
from saddlepoint.core.registry import register
from saddlepoint.core.runs import History
from saddlepoint.diagnosis.detectors._frozen import stands_still
from saddlepoint.diagnosis.detectors._wiring import early, sound


@register("discriminator-frozen")
@dataclass(frozen=True, kw_only=True)
class DiscriminatorFrozen(Detector):
    """The discriminator's weights do not move at its own steps, to the last bit.

    Weights that were frozen for the generator's step and never freed, an optimiser built from other
    parameters, a step that is never taken: the generator then games a judge that cannot answer.
    A discriminator whose loss is satisfied (a hinge at 0) is not frozen.
    Reference: https://docs.pytorch.org/docs/stable/notes/autograd.html#setting-requires-grad
    """

    looks: int = 3
    """Checks in a row that must show it."""
    idle: float = 25
    """Steps of the other player without one of this player's."""

    explained_by: ClassVar[tuple[str, ...]] = (
        "optimizer-mixup",
        "learning-rate-too-high",
        "saturated-loss",
    )

    def __post_init__(self) -> None:
        at_least(self, 1, "looks", "idle")

    def inspect(self, history: History) -> Finding | None:
        return stands_still(self, history, "d", self.looks, self.idle)

    @classmethod
    def healthy(cls) -> list[History]:
        satisfied = early(
            {
                "update_ratio_d": [0.01, 0.01, 0.01, 0, 0, 0],
                "logit_gradient_sign_real_d": [1.0] * 3 + [None] * 3,
            }
        )
        now_and_then = early({"steps_d": [1.0, 0.0, 7.0, 5.0, 0.0, 9.0]})
        return [*sound(), satisfied, now_and_then]

    @classmethod
    def unhealthy(cls) -> list[History]:
        still = {"update_ratio_d": 0.0}
        return [
            early({**still, "missing_gradient_d": 1.0}),
            early({**still, "held_d": 0.0, "missing_gradient_d": 0.0}),
            early(still),
            early({"steps_d": 0.0, "update_ratio_d": None, "missing_gradient_d": None}),
        ]
