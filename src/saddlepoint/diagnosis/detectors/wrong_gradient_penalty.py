"""The gradient penalty does not do what its formula says."""

from __future__ import annotations

from dataclasses import dataclass

from saddlepoint.core.findings import Finding
from saddlepoint.core.history import History
from saddlepoint.core.registry import register
from saddlepoint.diagnosis.detectors._base import WiringDetector


@register("wrong-gradient-penalty")
@dataclass(frozen=True, kw_only=True)
class WrongGradientPenalty(WiringDetector):
    """The penalty's norm is not that of a whole image's gradient, or the penalty has no effect.

    The norm is over all pixels and channels of a sample; norm(dim=1) of a gradient [n, c, h, w] is
    a map of norms over channels, which asks each pixel for a slope of 1. A penalty on a sample's
    norm pulls its gradient along itself; any other norm does not, and that is measured. A gradient
    taken without create_graph=True is a constant to the critic.
    Paper: Gulrajani et al. 2017, https://arxiv.org/abs/1704.00028, equation 3.
    """

    # A right penalty gives 1, but for rounding.
    cosine: float = 0.99
    """Least cosine between a sample's gradient and the pull on it."""

    remedies = ("repair-wiring", "stronger-penalty")

    def inspect(self, history: History) -> Finding | None:
        # A constant pulls nothing, so its cosine cannot be measured: the two exclude each other.
        return self._axis(history) or self._constant(history)

    def _axis(self, history: History) -> Finding | None:
        checks = self.checks(history, "penalised", "penalty_cosine")
        wrong = (checks["penalised"] == 1) & (checks["penalty_cosine"] < self.cosine)
        first = self.since(checks, wrong)
        if first is None:
            return None
        message = (
            "The gradient penalty takes its norm over the wrong axes: it limits the gradient of "
            "each pixel, not that of the whole image. Flatten it first: "
            "gradient.flatten(1).norm(dim=1)."
        )
        evidence = checks.known(
            checks.evidence("penalty_cosine", self.cosine, 1.0),
            checks.evidence("penalty_right", 0.0, 1.0),
        )
        return checks.finding(self, first, message, *evidence)

    def _constant(self, history: History) -> Finding | None:
        checks = self.checks(history, "penalised", "penalty_graph")
        constant = (checks["penalised"] == 1) & (checks["penalty_graph"] == 0)
        first = self.since(checks, constant)
        if first is None:
            return None
        message = (
            "The gradient penalty is a constant to the critic: its gradient was taken without a "
            "graph, so the penalty is in the loss but changes no weight. Use "
            "torch.autograd.grad(..., create_graph=True)."
        )
        evidence = checks.evidence("penalty_graph", 1.0, 1.0)
        return checks.finding(self, first, message, evidence)
