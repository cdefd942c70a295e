"""NaN or infinity."""

from __future__ import annotations

from dataclasses import dataclass

from saddlepoint.core.findings import Finding
from saddlepoint.core.history import History
from saddlepoint.core.registry import register
from saddlepoint.diagnosis.detectors._base import LastingDetector


@register("non-finite")
@dataclass(frozen=True, kw_only=True)
class NonFinite(LastingDetector):
    """A loss, an output or a gradient is NaN or infinite.

    Once it is in the weights it stays, so later checks have it too. A single one that is gone at
    the next check is not reported: the gradient scaler of mixed precision causes them on purpose
    and skips the step.
    Reference: torch.amp.GradScaler, https://pytorch.org/docs/stable/amp.html.
    """

    warmup: float = 0
    m: int = 2
    k: int = 2
    steps: float = 0

    explained_by = ()
    remedies = (
        "sound-optimizers",
        "rebalance-learning-rates",
        "zero-centred-penalties",
        "spectral-norm",
        "new-seed",
    )

    def inspect(self, history: History) -> Finding | None:
        checks = self.checks(history, "nonfinite")
        first = self.since(checks, checks["nonfinite"] > 0)
        if first is None and len(checks) and checks["weights_lost"][-1] > 0:
            first = len(checks) - 1  # no need to wait: a weight that is lost stays lost
        if first is None:
            return None
        message = (
            "Losses, outputs or gradients are no longer finite (NaN or infinity): the weights are "
            "lost, and training cannot recover."
        )
        return checks.finding(self, first, message, checks.evidence("nonfinite", high=0.0))
