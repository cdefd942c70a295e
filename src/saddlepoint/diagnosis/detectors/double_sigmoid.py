"""A sigmoid before a loss that applies its own."""

from __future__ import annotations

from dataclasses import dataclass

from saddlepoint.core.findings import Finding
from saddlepoint.core.history import History
from saddlepoint.core.registry import register
from saddlepoint.diagnosis.detectors._base import WiringDetector


@register("double-sigmoid")
@dataclass(frozen=True, kw_only=True)
class DoubleSigmoid(WiringDetector):
    """The discriminator ends in a sigmoid, and the loss treats its output as logits.

    Cross-entropy "with logits" applies a sigmoid of its own: it turns an output in [0, 1] into a
    probability in [0.5, 0.73], so the discriminator can never be sure of anything. Hinge and
    Wasserstein losses need unbounded outputs as well. What the loss expects is read off its slope
    at the outputs, so a loss of probabilities after a sigmoid stays silent.
    Reference: https://github.com/soumith/ganhacks/issues/36
    """

    def inspect(self, history: History) -> Finding | None:
        checks = self.checks(history, "sigmoid_end", "expects_logits")
        # A sigmoid alone is not a fault: a loss of probabilities needs it.
        unhealthy = (checks["sigmoid_end"] == 1) & (checks["expects_logits"] == 1)
        first = self.since(checks, unhealthy)
        if first is None:
            return None
        message = (
            "The discriminator ends in a sigmoid, but the loss expects logits and applies another "
            "one: remove the sigmoid from the net, or use the loss for probabilities."
        )
        evidence = [checks.evidence(name, 0.0, 0.0) for name in ("sigmoid_end", "expects_logits")]
        return checks.finding(self, first, message, *evidence)
