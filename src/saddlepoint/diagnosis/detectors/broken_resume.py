"""Training continues with part of its state lost."""

from __future__ import annotations

from dataclasses import dataclass

from saddlepoint.core.findings import Finding
from saddlepoint.core.history import History
from saddlepoint.core.registry import register
from saddlepoint.diagnosis.detectors._base import WiringDetector


@register("broken-resume")
@dataclass(frozen=True, kw_only=True)
class BrokenResume(WiringDetector):
    """Some of the nets and optimisers remember earlier training, and others are new.

    Adam counts its steps and BatchNorm its batches, so what was loaded and what was not shows
    before the first step. New optimisers take full-size steps at weights that had settled; a new
    discriminator teaches a settled generator noise. Where neither counts (no BatchNorm, plain SGD)
    nothing is known. Fine-tuning with new optimisers looks the same, so this is a warning.
    Reference:
    https://docs.pytorch.org/tutorials/recipes/recipes/saving_and_loading_a_general_checkpoint.html
    """

    m: int = 1
    k: int = 1
    old: float = 20
    """Steps that something must remember before this counts as earlier training."""
    share: float = 0.01
    """Largest share of those steps that the youngest part remembers."""

    def inspect(self, history: History) -> Finding | None:
        checks = self.checks(history, "net_age", "optimizer_age")
        age, share = checks["net_age"], checks["optimizer_age"]
        # One check is enough: it is read off the optimisers' own counts, before the first step.
        first = self.since(checks, (age >= self.old) & (share <= self.share))
        if first is None:
            return None
        message = (
            f"One part of this training remembers {age[-1]:.0f} steps and another part none: it "
            "continues an earlier run with something missing. Load both nets and both optimisers "
            "(and the averaged generator, if there is one). Ignore this if new optimisers are "
            "intended."
        )
        return checks.finding(
            self,
            first,
            message,
            checks.evidence("net_age"),
            checks.evidence("optimizer_age", self.share, 1.0),
            severity="warn",
        )
