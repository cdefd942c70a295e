"""The discriminator does not see what is plain to see."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from saddlepoint.core.findings import Finding
from saddlepoint.core.history import History
from saddlepoint.core.registry import register
from saddlepoint.diagnosis.detectors import _quality
from saddlepoint.diagnosis.detectors._base import BROKEN, LastingDetector


@register("weak-discriminator")
@dataclass(frozen=True, kw_only=True)
class WeakDiscriminator(LastingDetector):
    """The discriminator cannot tell fakes from real images, although simple statistics can.

    An AUC of one half is the aim of the game once the fakes equal the data. Where they do not,
    the discriminator is too small, too slow or too strongly regularised to see the difference.
    Papers: Lopez-Paz & Oquab 2017, https://arxiv.org/abs/1610.06545 (a classifier as a two-sample
    test); Goodfellow et al. 2014, https://arxiv.org/abs/1406.2661, proposition 1.
    """

    warmup: float = 300
    m: int = 8
    k: int = 10
    steps: float = 350
    auc: float = 0.6
    """Largest AUC of real against fake that counts as guessing; 1 minus this is the smallest."""
    coverage: float = 0.15
    """Coverage, as a share of what equal distributions have, below which fakes are plainly bad."""

    explained_by = (
        *BROKEN,
        "generator-wins",
        "complete-mode-collapse",
        "oscillation",
        "lipschitz-violation",
    )
    remedies = (
        "sound-optimizers",
        "strengthen-loser",
        "update-ratio",
        "rebalance-learning-rates",
        "new-seed",
    )

    def inspect(self, history: History) -> Finding | None:
        checks = self.checks(history, "auc", "coverage", "coverage_null")
        # On both sides of one half; far below it the generator wins.
        blind = (checks["auc"] <= self.auc) & (checks["auc"] >= 1 - self.auc)
        first = self.since(checks, blind & _quality.poor(checks, self.coverage))
        if first is None or _quality.still_improves(checks, self.k, self.steps):
            return None
        auc = float(np.median(checks["auc"][-self.k :]))
        message = (
            f"The discriminator is too weak: it hardly tells fakes from real images (AUC "
            f"{auc:.2f}), although they differ plainly, so the generator has nothing to learn from."
        )
        evidence = (checks.evidence("auc", self.auc, 1.0, value=auc), *_quality.evidence(checks))
        return checks.finding(self, first, message, *evidence, severity="warn")
