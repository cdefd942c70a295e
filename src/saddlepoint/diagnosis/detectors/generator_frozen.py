"""The generator does not learn at all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from saddlepoint.core.checks import at_least
from saddlepoint.core.findings import Detector, Finding
from saddlepoint.core.registry import register
from saddlepoint.core.runs import History
from saddlepoint.diagnosis.detectors._frozen import stands_still
from saddlepoint.diagnosis.detectors._wiring import early, sound


@register("generator-frozen")
@dataclass(frozen=True, kw_only=True)
class GeneratorFrozen(Detector):
    """The generator's weights do not move at its own steps, to the last bit.

    A detach() in the wrong place, an optimiser built from other parameters, a learning rate of 0 or
    a step that is never taken: the losses go on, the discriminator wins, and nothing is learnt.
    A loss that is merely flat is saturated-loss.
    Reference: https://docs.pytorch.org/docs/stable/generated/torch.Tensor.detach.html
    """

    looks: int = 3
    """Checks in a row that must show it."""
    idle: float = 25
    """Steps of the other player without one of this player's."""

    explained_by: ClassVar[tuple[str, ...]] = ("optimizer-mixup", "learning-rate-too-high")

    def __post_init__(self) -> None:
        at_least(self, 1, "looks", "idle")

    def inspect(self, history: History) -> Finding | None:
        return stands_still(self, history, "g", self.looks, self.idle)

    @classmethod
    def healthy(cls) -> list[History]:
        flat = [0.0, 0.0, 1.0, 1.0, 0.0, 0.0]
        for_a_while = early(
            {"flat_share": flat, "update_ratio_g": [0.01, 0.01, 0.0, 0.0, 0.01, 0.01]}
        )
        now_and_then = early({"steps_g": [1.0, 0.0, 1.0, 4.0, 6.0, 8.0]})
        return [*sound(), for_a_while, now_and_then]

    @classmethod
    def unhealthy(cls) -> list[History]:
        still = {"update_ratio_g": 0.0}
        return [
            early({**still, "missing_gradient_g": 1.0}),
            early({**still, "held_g": 0.0, "missing_gradient_g": 0.0}),
            early(still),
            early({"steps_g": 0.0, "update_ratio_g": None, "missing_gradient_g": None}),
        ]
