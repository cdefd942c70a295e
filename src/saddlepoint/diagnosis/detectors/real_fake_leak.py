"""Something that has nothing to do with the pictures tells real images from fakes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from saddlepoint.core.findings import Finding
from saddlepoint.core.history import History
from saddlepoint.core.registry import register
from saddlepoint.diagnosis.detectors._base import WiringDetector


@register("real-fake-leak")
@dataclass(frozen=True, kw_only=True)
class RealFakeLeak(WiringDetector):
    """The discriminator wins by a trace of the preparation: a padded border, invisible detail.

    It is asked two questions. What does it say when both sides swap their borders, where only one
    side has a border of exactly one value? What does it say when the same noise, too faint to be
    seen, was added to both? A judgement of the pictures survives both.
    Reference: https://github.com/sefibk/KernelGAN/issues/83
    """

    # At the first steps there is no judgement yet that could be taken away.
    warmup: float = 2
    k: int = 3
    drop: float = 0.25
    """Loss of AUC, by swapped borders or by faint noise, that shows a leak."""
    sure: float = 0.9
    """AUC from which on the discriminator counts as winning."""

    explained_by = ("range-mismatch", "mixed-batch-norm")
    remedies = ("repair-wiring", "instance-noise")

    def inspect(self, history: History) -> Finding | None:
        return self._border(history) or self._noise(history)

    def _border(self, history: History) -> Finding | None:
        checks = self.checks(history, "frame_alone", "leak_border")
        framed, leak = checks["frame_alone"] >= 1, checks["leak_border"]
        first = used = self.since(checks, framed & (leak >= self.drop))
        if used is None:
            # Not used yet, but there at every check: a warning.
            first = checks.since(framed, self.k, self.k)
        if first is None:
            return None
        judged = "which the discriminator will learn to judge by"
        if used is not None:
            judged = "and the discriminator judges by it: with swapped borders it changes its mind"
        message = (
            f"Only one side has a border of exactly one value ({checks['frame_alone'][-1]:.0f} "
            f"px), {judged}. Prepare real and generated images in the same way (padding, resizing, "
            "rotation)."
        )
        return checks.finding(
            self,
            first,
            message,
            checks.evidence("frame_alone", 0.0, 0.0),
            checks.evidence("leak_border", high=self.drop, value=np.max(leak[first:])),
            severity="warn" if used is None else "fatal",
        )

    def _noise(self, history: History) -> Finding | None:
        checks = self.checks(history, "leak_noise", "auc")
        # A discriminator no better than chance loses AUC to any noise.
        leaks = (checks["leak_noise"] >= self.drop) & (checks["auc"] >= self.sure)
        first = self.since(checks, leaks)
        if first is None:
            return None
        message = (
            "The discriminator tells real images from fakes by invisible detail: noise of 2/255 on "
            "both sides takes its judgement away. Look for rounding, compression or resizing on "
            "one side only, or add faint noise to both."
        )
        return checks.finding(self, first, message, checks.evidence("leak_noise", high=self.drop))
