"""A sigmoid before a loss that has its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from saddlepoint.core.checks import at_least
from saddlepoint.core.findings import Detector, Evidence, Finding
from saddlepoint.core.registry import register
from saddlepoint.core.runs import History
from saddlepoint.diagnosis.detectors._checks import Checks
from saddlepoint.diagnosis.detectors._wiring import early, sound


@register("double-sigmoid")
@dataclass(frozen=True, kw_only=True)
class DoubleSigmoid(Detector):
    """The discriminator ends in a sigmoid, and the loss takes its output for a raw one.

    Cross-entropy "with logits" applies a sigmoid of its own: of an output in [0, 1] it makes a
    probability in [0.5, 0.73], so that the discriminator can never be sure of anything. Hinge and
    Wasserstein losses need unbounded outputs as well. What the loss takes the output for is read
    off its slope at the outputs, so a loss of probabilities after a sigmoid stays silent.
    Reference: https://github.com/soumith/ganhacks/issues/36
    """

    looks: int = 2
    """Checks in a row that must show it."""

    explained_by: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        at_least(self, 1, "looks")

    def inspect(self, history: History) -> Finding | None:
        looks = Checks(history, "sigmoid_end", "expects_logits")
        ill = (looks["sigmoid_end"] == 1) & (looks["expects_logits"] == 1)
        first = looks.lasting(ill, self.looks, self.looks)
        if first is None:
            return None
        evidence = (
            Evidence(
                name="sigmoid_end",
                value=1.0,
                healthy=(0.0, 0.0),
                note="1 when the discriminator's last operation is a sigmoid",
            ),
            Evidence(
                name="expects_logits",
                value=1.0,
                healthy=(0.0, 0.0),
                note="1 when the loss's slope at these outputs is that of a loss of raw outputs",
            ),
        )
        message = (
            "The discriminator ends in a sigmoid, but the loss takes raw outputs and squashes "
            "them again: remove the sigmoid, or use the loss for probabilities."
        )
        return looks.finding(self, first, "fatal", message, evidence)

    @classmethod
    def healthy(cls) -> list[History]:
        return [*sound(), early({"sigmoid_end": 0.0, "expects_logits": 1.0})]

    @classmethod
    def unhealthy(cls) -> list[History]:
        return [
            early({"sigmoid_end": 1.0, "expects_logits": 1.0}),
            early({"sigmoid_end": 1.0, "expects_logits": [None, None, 1.0, 1.0, None, None]}),
        ]
