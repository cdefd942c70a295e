"""The critic's slope is not what the Wasserstein distance requires."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from saddlepoint.core.findings import Finding
from saddlepoint.core.history import History
from saddlepoint.core.registry import register
from saddlepoint.diagnosis.detectors import _quality
from saddlepoint.diagnosis.detectors._base import LastingDetector
from saddlepoint.diagnosis.detectors._checks import Checks, loss_family, rises

UNCLIPPED = 0.01
"""Share of the weights at the greatest absolute weight that only a clipped critic exceeds."""


@register("lipschitz-violation")
@dataclass(frozen=True, kw_only=True)
class LipschitzViolation(LastingDetector):
    """The critic of a Wasserstein loss breaks its constraint, or has no slope left under it.

    With the gradient penalty the slope between real and fake images is about 1 (a fifth off is
    usual). A slope that stays far from that measures no Wasserstein distance, and is fatal where
    the images are bad too. So is one that grows without bound where nothing limits it: it is
    reported from the penalised critic's greatest slope on while it rises, and at once when it is
    far above. With clipped weights the scale is free, but a critic whose weights nearly all lie at
    the clip can only be a simple function: it is reported where the images are bad and stay bad.
    Other losses put no such bound on the slope.
    Papers: Gulrajani et al. 2017, https://arxiv.org/abs/1704.00028, sections 3 and 4; Arjovsky et
    al. 2017, https://arxiv.org/abs/1701.07875, section 3.
    """

    low: float = 0.3
    """Least slope of a penalised critic."""
    high: float = 2.0
    """Greatest slope of a penalised critic."""
    unbounded: float = 50.0
    """Greatest slope of a critic without a penalty or clipping; 20 times that where weights may be
    clipped, which leaves the scale free."""
    rise: float = 0.2
    """Share by which the slope of a critic without either must have risen, where it is less."""
    clipped: float = 0.15
    """Share of the weights at the clip, at any check, above which a critic counts as clipped hard.
    Later there may well be fewer at the clip: the other weights are then near 0."""
    blind: float = 0.15
    """Distance of the AUC from one half up to which a critic sees nothing."""

    remedies = (
        "change-loss",
        "stronger-penalty",
        "strengthen-loser",
        "update-ratio",
        "spectral-norm",
    )

    def inspect(self, history: History) -> Finding | None:
        if loss_family(history) != "wasserstein":
            return None
        # Measured at the first checks, and seldom after them.
        if any(row.get("penalised") == 1 for row in history.rows):
            return self._slope_outside(history, self.low, self.high)
        # Without a penalty, see first whether clipping bounds it: that leaves the scale free.
        shares = Checks(history, "clip_share")["clip_share"]
        never_clipped = len(shares) > 0 and shares.max() < UNCLIPPED
        bound = self.unbounded if never_clipped else 20 * self.unbounded
        return (
            self._slope_outside(history, 0.0, bound)
            or (self._slope_rises(history) if never_clipped else None)
            or self._clipped_hard(history)
        )

    def _slope_outside(self, history: History, low: float, high: float) -> Finding | None:
        checks = self.checks(history, "input_gradient_norm")
        slope, poor = checks["input_gradient_norm"], _quality.poor(checks)
        # A flat critic beside good fakes has nothing left to tell.
        first = self.since(checks, (slope > high) | ((slope < low) & poor))
        if first is None:
            return None
        # A wrong slope is a warning by itself; the images show whether it does harm.
        bad = poor[-self.k :].mean() > 0.5
        median = float(np.median(slope[-self.k :]))
        how = "steeper" if slope[-1] > 1 else "flatter"
        message = (
            f"The critic is much {how} than the Wasserstein loss allows: its slope is "
            f"{median:.2g} instead of 1, so its output is not a distance, and the generator "
            "follows a wrong scale."
        )
        evidence = checks.evidence("input_gradient_norm", low, high, value=median)
        quality = _quality.evidence(checks) if bad else ()
        severity = "fatal" if bad else "warn"
        return checks.finding(self, first, message, evidence, *quality, severity=severity)

    def _slope_rises(self, history: History) -> Finding | None:
        """With the bound of a penalised critic, while the slope keeps rising."""
        checks = self.checks(history, "input_gradient_norm")
        # A slope that has settled may be held by what cannot be seen from here: a spectral norm.
        since = checks.window(self.k, self.steps)
        if since is None or not rises(checks["input_gradient_norm"][since:], self.rise):
            return None
        return self._slope_outside(history, 0.0, self.high)

    def _clipped_hard(self, history: History) -> Finding | None:
        # From the first check on: what was at the clip during the warm-up counts.
        checks = Checks(history, "clip_share", "coverage", "coverage_null", "auc")
        share = checks["clip_share"]
        was_clipped = np.maximum.accumulate(share) > self.clipped
        blind = np.abs(checks["auc"] - 0.5) < self.blind
        # Weights that left the clip may be near 0: a critic that sees nothing counts as well.
        stuck = was_clipped & (blind | (share > self.clipped))
        warm = checks.updates >= self.warmup
        first = self.since(checks, stuck & _quality.poor(checks, 0.15) & warm)
        if first is None or _quality.still_improves(checks, self.k, self.steps):
            return None
        most = float(share.max())
        message = (
            f"Clipping leaves the critic no capacity: up to {100 * most:.0f} % of its weights lay "
            "at the clip, and the generator's images stay far from the data."
        )
        evidence = checks.evidence("clip_share", high=self.clipped, value=most)
        return checks.finding(self, first, message, evidence, *_quality.evidence(checks))
