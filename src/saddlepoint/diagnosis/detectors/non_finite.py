"""NaN or infinity."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from saddlepoint.core.checks import at_least
from saddlepoint.core.findings import Detector, Evidence, Finding
from saddlepoint.core.registry import register
from saddlepoint.core.runs import History
from saddlepoint.diagnosis.detectors._checks import Checks
from saddlepoint.diagnosis.detectors._examples import N_LOOKS, run, traps


@register("non-finite")
@dataclass(frozen=True, kw_only=True)
class NonFinite(Detector):
    """A loss, an output or a gradient is NaN or infinite.

    Once it is in the weights it stays, so the looks after it have it too. A single one that is
    gone at the next look is not reported: a gradient scaler of mixed precision makes them on
    purpose and skips the step.
    Reference: torch.amp.GradScaler, https://pytorch.org/docs/stable/amp.html.
    """

    looks: int = 2
    """Checks in a row that must have it."""

    explained_by: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        at_least(self, 1, "looks")

    def inspect(self, history: History) -> Finding | None:
        looks = Checks(history, "nonfinite")
        first = looks.lasting(looks["nonfinite"] > 0, self.looks, self.looks)
        if first is None and len(looks) and looks["weights_lost"][-1] > 0:
            first = len(looks) - 1  # no need to wait: a weight that is lost stays lost
        if first is None:
            return None
        evidence = Evidence(
            name="nonfinite",
            value=float(looks["nonfinite"][-1]),
            healthy=(None, 0.0),
            note="a loss, an output or a gradient was NaN or infinite",
        )
        message = (
            "Losses, outputs or gradients are not finite any more (NaN or infinity), since about "
            f"step {looks.steps[first]:.0f}: the weights are lost, training cannot recover."
        )
        return looks.finding(self, first, "fatal", message, (evidence,))

    @classmethod
    def healthy(cls) -> list[History]:
        once = [0] * N_LOOKS
        once[5] = once[20] = 1
        return [*traps(), run({"nonfinite": once})]

    @classmethod
    def unhealthy(cls) -> list[History]:
        lost = [0] * 20 + [1] * 20
        absent = {
            name: [1.0] * 20 + [None] * 20
            for name in ("loss_d", "loss_g", "coverage", "pair_ratio")
        }
        at_once = {"nonfinite": [0] * 39 + [1], "weights_lost": [0] * 39 + [1]}
        return [run({"nonfinite": lost}), run({"nonfinite": lost, **absent}), run(at_once)]
