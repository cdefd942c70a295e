"""Outputs, losses or gradients run away."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from saddlepoint.core.findings import Finding, Range
from saddlepoint.core.history import History
from saddlepoint.core.registry import register
from saddlepoint.diagnosis.detectors import _quality
from saddlepoint.diagnosis.detectors._base import LastingDetector
from saddlepoint.diagnosis.detectors._checks import Checks

SCALES = {
    "logit_gap": (3.0, "gap between mean real and mean fake output"),
    "logit_spread": (3.0, "spread of the discriminator's outputs"),
    "grad_norm_d": (10.0, "norm of the discriminator's gradient"),
    "input_gradient_norm_fake": (10.0, "slope of the discriminator at fakes"),
    "pair_ratio": (0.5, "spread of the fakes as a share of the data's"),
}
"""What may run away -> (least value of its early median, its name in a sentence). Outputs that
begin near 0 may well grow: without a floor, a healthy start would count as growth."""


@register("divergence")
@dataclass(frozen=True, kw_only=True)
class Divergence(LastingDetector):
    """A quantity grows by orders of magnitude and takes the images with it.

    The decimal logarithm of each scale (outputs, gradients, slope, spread of the fakes) is summed
    up beyond its early median and one decade (a one-sided CUSUM). Outputs grow slowly in many
    healthy runs, so the fakes must be bad as well; where nothing measures them, the sum must be far
    greater. Fakes that stay several times as far from the data as two real images lie apart have
    left it altogether, whatever the scales did.
    Papers: Page 1954, https://doi.org/10.1093/biomet/41.1-2.100 (CUSUM); Mescheder et al. 2018,
    https://arxiv.org/abs/1801.04406, section 2.
    """

    warmup: float = 100
    steps: float = 200
    decades: float = 1.0
    """Decades above the early median that count as growth."""
    total: float = 4.0
    """Sum of the decades beyond that, over checks, at which it holds."""
    unseen: float = 5.0
    """Factor on `total` where nothing tells whether the fakes are bad."""
    early: int = 8
    """Checks whose median is compared with."""
    away: float = 3.0
    """Distance of the fakes to the data, in distances of two real images, at which they left it."""

    explained_by = ("wiring", "non-finite")
    remedies = (
        "sound-optimizers",
        "rebalance-learning-rates",
        "zero-centred-penalties",
        "spectral-norm",
        "stronger-penalty",
        "change-loss",
        "new-seed",
    )

    def bounds(self, history: History) -> dict[str, Range]:
        checks = self.checks(history)
        if len(checks) <= self.early:
            return {}
        highest = {name: self._highest(checks, name) for name in SCALES}
        return {name: (None, high) for name, high in highest.items() if np.isfinite(high)}

    def inspect(self, history: History) -> Finding | None:
        return self._has_grown(history) or self._has_left(history)

    def _has_grown(self, history: History) -> Finding | None:
        checks = self.checks(history)
        if len(checks) <= self.early:
            return None
        # Each scale is compared with its own start: nets and losses differ by orders of magnitude.
        values = {name: _scale(checks, name) for name in SCALES}
        sums = {name: self._cusum(values[name], SCALES[name][0]) for name in SCALES}
        worst = max(sums, key=lambda name: sums[name][-1])
        known = np.isfinite(checks["coverage"][-1])
        # Without a measure of the images, only growth that no healthy run showed is believed.
        bad = not known or _quality.poor(checks)[-3:].all()
        if not bad or sums[worst][-1] < self.total * (1 if known else self.unseen):
            return None
        usual, now = self._usual(values[worst], SCALES[worst][0]), values[worst][-1]
        # The sum left 0 for the last time where the growth began.
        first = int(np.flatnonzero(sums[worst] == 0)[-1]) + 1
        note = SCALES[worst][1]
        message = (
            f"Training diverges: the {note} has grown from {usual:.3g} to {now:.3g}, and the "
            "generator's images are far from the data."
        )
        healthy = self._highest(checks, worst)
        evidence = checks.evidence(worst, high=healthy, value=now, note=note)
        return checks.finding(self, first, message, evidence, *_quality.evidence(checks, worst))

    def _has_left(self, history: History) -> Finding | None:
        checks = self.checks(history, "off_data")
        first = self.since(checks, checks["off_data"] > self.away)
        if first is None or _quality.still_improves(checks, self.k, self.steps):
            return None
        distance = float(np.median(checks["off_data"][-self.k :]))
        message = (
            "Training diverges: the generator has left the data altogether; its images lie "
            f"{distance:.3g} times as far from real ones as two real ones lie apart."
        )
        evidence = checks.evidence("off_data", high=self.away, value=distance)
        others = _quality.evidence(checks, besides="off_data")
        return checks.finding(self, first, message, evidence, *others)

    def _highest(self, checks: Checks, name: str) -> float:
        """Above this a scale counts as grown; NaN without a start to compare with."""
        return self._usual(_scale(checks, name), SCALES[name][0]) * 10**self.decades

    def _usual(self, values: np.ndarray, floor: float) -> float:
        early = values[: self.early]
        early = early[np.isfinite(early) & (early > 0)]
        # Two values give no median: NaN, so nothing counts as growth.
        return max(float(np.median(early)), floor) if len(early) >= 3 else np.nan

    def _cusum(self, values: np.ndarray, floor: float) -> np.ndarray:
        """float64 [checks]: by how much the logarithm has been too high for how long (Page 1954);
        0 where it is not."""
        grown = np.log10(np.where(values > 0, values, np.nan) / self._usual(values, floor))
        # An absent value changes nothing, and an absurd one counts as three decades at most.
        beyond = np.minimum(np.nan_to_num(grown - self.decades), 3.0)
        sums = [0.0]
        for decades in beyond[1:]:
            sums.append(max(0.0, sums[-1] + decades))
        return np.array(sums)


def _scale(checks: Checks, name: str) -> np.ndarray:
    """float64 [checks]"""
    if name == "logit_gap":
        return np.abs(checks["real_logit"] - checks["fake_logit"])
    return checks[name]
