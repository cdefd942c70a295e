"""The net that makes the samples is not the net that is trained."""

from __future__ import annotations

from dataclasses import dataclass

from saddlepoint.core.findings import Finding
from saddlepoint.core.history import History
from saddlepoint.core.registry import register
from saddlepoint.diagnosis.detectors._base import WiringDetector
from saddlepoint.diagnosis.detectors._checks import Checks

MESSAGES = {
    "eval_mode_g": "The generator trains in evaluation mode: its BatchNorm layers use statistics "
    "that no longer change. Call generator.train() after drawing samples.",
    "eval_mode_d": "The discriminator trains in evaluation mode: its BatchNorm layers use "
    "statistics that no longer change. Call discriminator.train() before training continues.",
    "stale_statistics": "The net that samples come from keeps old BatchNorm statistics while its "
    "weights move: copy the buffers along with the averaged weights, and keep BatchNorm's momentum "
    "above 0.",
}
"""Column -> what it says where it is large."""


@register("train-eval-mismatch")
@dataclass(frozen=True, kw_only=True)
class TrainEvalMismatch(WiringDetector):
    """BatchNorm does one thing in training and another when samples are made.

    A net left in evaluation mode after a sample was drawn trains on statistics that stand still; an
    average of the weights without the buffers, or running statistics that are never updated, make
    bad samples from a good generator. A gap between the two modes in the first steps is healthy,
    because running statistics lag behind; it does not count.
    Paper: Ioffe & Szegedy 2015, https://arxiv.org/abs/1502.03167, section 3.1.
    """

    warmup: float = 2
    m: int = 3
    k: int = 3
    share: float = 0.5
    """Share of the calls in evaluation mode, or of the layers that stand still."""
    gap: float = 1.0
    """Distance of samples of both modes, in units of the distance of two samples."""
    settled: float = 500
    """Update steps after which running statistics have caught up."""

    def inspect(self, history: History) -> Finding | None:
        # Facts about the calls and the buffers first: they name the line to fix, a gap does not.
        for name, message in MESSAGES.items():
            checks = self.checks(history, name)
            first = self.since(checks, checks[name] > self.share)
            if first is not None:
                evidence = checks.evidence(name, 0.0, 0.0)
                return checks.finding(self, first, message, evidence, severity="warn")
        return self._gap(history)

    def _gap(self, history: History) -> Finding | None:
        checks = Checks(history, "eval_gap", after=self.settled)
        # An average of the weights lags behind by design, however far.
        apart = (checks["eval_gap"] > self.gap) & ~(checks["averaged"] == 1)
        # Twice as many checks as for a fact: the gap is an estimate from few samples.
        first = checks.since(apart, 2 * self.m, 2 * self.k)
        if first is None:
            return None
        message = (
            "The generator makes other images in evaluation mode than in training mode: its "
            "running statistics do not fit its weights. Check BatchNorm's momentum, and whether "
            "batches of another kind pass through the net in training mode."
        )
        evidence = checks.evidence("eval_gap", 0.0, self.gap)
        return checks.finding(self, first, message, evidence, severity="warn")
