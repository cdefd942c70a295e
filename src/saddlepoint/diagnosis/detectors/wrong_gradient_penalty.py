"""The gradient penalty does not do what its formula says."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from saddlepoint.core.checks import at_least, between
from saddlepoint.core.findings import Detector, Evidence, Finding
from saddlepoint.core.registry import register
from saddlepoint.core.runs import History
from saddlepoint.diagnosis.detectors._checks import Checks
from saddlepoint.diagnosis.detectors._wiring import early, sound


@register("wrong-gradient-penalty")
@dataclass(frozen=True, kw_only=True)
class WrongGradientPenalty(Detector):
    """The penalty's norm is not that of a whole image's gradient, or the penalty cannot teach.

    The norm is over all pixels and channels of a sample; norm(dim=1) of a gradient [n, c, h, w] is
    a map of norms over channels, which asks each pixel for a slope of 1. A penalty of a sample's
    norm pulls its gradient along itself; any other norm does not, and that is measured. A gradient
    that was taken without create_graph=True is a constant to the critic.
    Paper: Gulrajani et al. 2017, https://arxiv.org/abs/1704.00028, equation 3.
    """

    cosine: float = 0.99
    """Least cosine between a sample's gradient and the pull on it."""
    looks: int = 2
    """Checks in a row that must show it."""

    def __post_init__(self) -> None:
        between(self, 0, 1, "cosine")
        at_least(self, 1, "looks")

    def inspect(self, history: History) -> Finding | None:
        return self._axis(history) or self._constant(history)

    def _axis(self, history: History) -> Finding | None:
        looks = Checks(history, "penalised", "penalty_cosine")
        ill = (looks["penalised"] == 1) & (looks["penalty_cosine"] < self.cosine)
        first = looks.lasting(ill, self.looks, self.looks)
        if first is None:
            return None
        evidence = [
            Evidence(
                name="penalty_cosine",
                value=float(looks["penalty_cosine"][-1]),
                healthy=(self.cosine, 1.0),
                note="cosine of a sample's gradient and the penalty's pull on it",
            )
        ]
        slope = np.sqrt(looks["penalty_right"][-1])
        if np.isfinite(slope):
            note = "mean (norm - 1)^2 at the interpolates, norms over whole images"
            evidence.append(
                Evidence(name="penalty_right", value=float(slope**2), healthy=(0, 1), note=note)
            )
        message = (
            "The gradient penalty takes its norm over the wrong axes: each pixel is held by "
            "itself, not the gradient of the whole image. Flatten it first: "
            "gradient.flatten(1).norm(dim=1)."
        )
        return looks.finding(self, first, "fatal", message, tuple(evidence))

    def _constant(self, history: History) -> Finding | None:
        looks = Checks(history, "penalised", "penalty_graph")
        ill = (looks["penalised"] == 1) & (looks["penalty_graph"] == 0)
        first = looks.lasting(ill, self.looks, self.looks)
        if first is None:
            return None
        evidence = Evidence(
            name="penalty_graph",
            value=0.0,
            healthy=(1.0, 1.0),
            note="1 when the gradient at the interpolates keeps its graph",
        )
        message = (
            "The gradient penalty is a constant to the critic: its gradient was taken without a "
            "graph, so the penalty is in the loss but teaches nothing. Use "
            "torch.autograd.grad(..., create_graph=True)."
        )
        return looks.finding(self, first, "fatal", message, (evidence,))

    @classmethod
    def healthy(cls) -> list[History]:
        rounded = {"penalised": 1.0, "penalty_graph": 1.0, "penalty_cosine": 0.998}
        return [*sound(), early({**rounded, "batch_norm_d": 0.0})]

    @classmethod
    def unhealthy(cls) -> list[History]:
        axis = {"penalised": 1.0, "penalty_graph": 1.0, "penalty_cosine": 0.83}
        right = {"penalty_right": [1.0, 9.0, 80.0, 200.0, 300.0, 300.0], "penalty_wrong": 0.1}
        return [
            early({**axis, **right, "batch_norm_d": 0.0}),
            early({"penalised": 1.0, "penalty_graph": 0.0, "batch_norm_d": 0.0}),
        ]
