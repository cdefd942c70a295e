"""The discriminator is beaten, by bad images."""

from __future__ import annotations

from dataclasses import dataclass

from saddlepoint.core.findings import Finding
from saddlepoint.core.history import History
from saddlepoint.core.registry import register
from saddlepoint.diagnosis.detectors import _quality
from saddlepoint.diagnosis.detectors._base import BROKEN, LastingDetector


@register("generator-wins")
@dataclass(frozen=True, kw_only=True)
class GeneratorWins(LastingDetector):
    """The discriminator rates fakes above real images, although they are bad.

    The generator moves faster than the discriminator can follow: whatever it makes is rated above
    the data (an AUC below one half), so nothing draws it towards the data. In a healthy game the
    AUC falls to one half at most, and only once the fakes are good.
    Paper: Heusel et al. 2017, https://arxiv.org/abs/1706.08500, section 2 (each player's own rate).
    """

    m: int = 5
    k: int = 8
    steps: float = 200
    auc: float = 0.3
    """How often a real image gets a higher output than a fake one, below which it holds."""

    explained_by = (*BROKEN, "complete-mode-collapse")
    remedies = (
        "sound-optimizers",
        "strengthen-loser",
        "update-ratio",
        "rebalance-learning-rates",
        "change-loss",
        "new-seed",
    )

    def inspect(self, history: History) -> Finding | None:
        checks = self.checks(history, "auc", "coverage", "coverage_null")
        # Beside good fakes, an AUC below one half is a discriminator that lags and does no harm.
        first = self.since(checks, (checks["auc"] < self.auc) & _quality.poor(checks))
        if first is None or _quality.still_improves(checks, self.k, self.steps):
            return None
        message = (
            "The generator has won: the discriminator rates its images above real ones (a real "
            f"image wins {100 * checks['auc'][-1]:.0f} % of the pairs), although they are unlike "
            "the data, so nothing draws it towards the data."
        )
        evidence = (checks.evidence("auc", 0.5, 1.0), *_quality.evidence(checks))
        return checks.finding(self, first, message, *evidence)
