"""The generator copies training images."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from saddlepoint.core.findings import Finding
from saddlepoint.core.history import History
from saddlepoint.core.registry import register
from saddlepoint.diagnosis.detectors._base import BROKEN, LastingDetector


@register("memorisation")
@dataclass(frozen=True, kw_only=True)
class Memorisation(LastingDetector):
    """Fakes lie nearer to single training images than real images do to one another.

    New images of the same kind are as far from the training images as those are from each other;
    copies are nearer. Narrow fakes are not enough: they must also be nearer than held-out real
    images are, in the median.
    Paper: Meehan et al. 2020, https://arxiv.org/abs/2004.05675 (a test of data copying).
    """

    warmup: float = 300
    closeness: float = 0.4
    """Share of the fakes that are nearer to a training image than real ones are to each other."""
    nearest: float = 0.6
    """Largest median distance to the nearest real image, in distances of held-out real images."""

    explained_by = (*BROKEN, "complete-mode-collapse")
    remedies = ("data-augmentation", "dropout")

    def inspect(self, history: History) -> Finding | None:
        checks = self.checks(history, "train_closeness")
        # Written as "not farther": a history without the distance is not evidence against copies.
        near = ~(checks["nearest_real"] > self.nearest)
        first = self.since(checks, (checks["train_closeness"] > self.closeness) & near)
        if first is None:
            return None
        # The last check alone is noisy; the message tells the usual share.
        share = float(np.median(checks["train_closeness"][-self.k :]))
        message = (
            f"The generator copies: {100 * share:.0f} % of its images are nearer to a training "
            "image than training images are to each other."
        )
        evidence = checks.evidence("train_closeness", high=self.closeness, value=share)
        return checks.finding(self, first, message, evidence, severity="warn")
