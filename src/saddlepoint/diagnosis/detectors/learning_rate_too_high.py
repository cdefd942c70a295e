"""A learning rate far beyond what the weights can take."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from saddlepoint.core.checks import above, at_least
from saddlepoint.core.findings import Detector, Finding
from saddlepoint.core.history import History
from saddlepoint.core.registry import register
from saddlepoint.diagnosis.detectors import _quality
from saddlepoint.diagnosis.detectors._checks import Checks
from saddlepoint.diagnosis.detectors._frozen import NAMES

SETTLED = 10
"""Steps after which an adaptive optimiser's first large steps are over."""


@register("learning-rate-too-high")
@dataclass(frozen=True, kw_only=True)
class LearningRateTooHigh(Detector):
    """One step changes a net's weights by a large share of themselves, step after step.

    About a thousandth of the weights a step is usual, a hundredth at the start; at a tenth, the net
    of a few steps ago is forgotten. The first step of an adaptive optimiser is always large and
    does not count alone. Normalised nets may survive such a start, because their weights grow until
    the share is small: so it is information while training starts, and fatal afterwards where the
    steps stay large or the damage is done, which shows in images that are bad and stay bad.
    Reference: https://cs231n.github.io/neural-networks-3/#ratio
    """

    ratio: float = 0.1
    """Change of one step, as a share of the weights, that is too much."""
    first: float = 0.25
    """The same for the very first step."""
    until: float = 500
    """Steps of the start."""
    k: int = 5
    """Checks at which the images must be bad, after the start."""

    category = "wiring"
    explained_by = ("optimizer-mixup", "wrong-sign", "broken-resume")
    remedies = ("sound-optimizers", "rebalance-learning-rates")

    def __post_init__(self) -> None:
        above(self, 0, "ratio", "first")
        at_least(self, 1, "until", "k")

    def inspect(self, history: History) -> Finding | None:
        found = [one for player in NAMES if (one := self._player(history, player)) is not None]
        return max(found, key=lambda finding: finding.evidence[0].value, default=None)

    def _player(self, history: History, player: str) -> Finding | None:
        name = f"update_ratio_{player}"
        checks = Checks(history, name)
        ratio, steps = checks[name], checks.steps
        if len(ratio) < 2 or not self._starts_too_fast(ratio, steps):
            return None
        # Normalised nets survive a violent start: afterwards it must go on, or have done harm.
        is_start = steps[-1] <= self.until
        stays_large = (ratio[-3:] > self.ratio).all()
        if not (is_start or stays_large or self._is_harmed(history)):
            return None
        # The largest of the first steps: later ones shrink as the weights grow.
        share = float(np.max(ratio[:3]))
        advice = (
            "An adaptive optimiser's first steps are large; if its images stay bad, its learning "
            "rate is too high."
            if is_start
            else "Its learning rate is some ten times too high or more. Lower it."
        )
        message = (
            f"Each step changes the {NAMES[player]}'s weights by {100 * share:.0f} % of themselves."
            f" {advice}"
        )
        evidence = checks.evidence(name, 1e-5, 0.03, value=share)
        severity = "info" if is_start else "fatal"
        return checks.finding(self, 0, message, evidence, severity=severity)

    def _starts_too_fast(self, ratio: np.ndarray, steps: np.ndarray) -> bool:
        """By the checks at steps 1 and 3. Where an early one is missing, the next two must agree,
        unless the optimiser had settled by the first check and its steps are very large still."""
        if steps[0] > self.until:
            return False
        large = ratio > self.ratio
        confirmed = large[1] if steps[0] <= 1 else steps[0] > SETTLED
        # The first step of an adaptive optimiser is large whatever the rate: two others decide.
        after = large[steps > 1][:2]
        return bool((ratio[0] > self.first and confirmed) or (len(after) == 2 and after.all()))

    def _is_harmed(self, history: History) -> bool:
        checks = Checks(history, "coverage", "coverage_null", after=self.until)
        stays_bad = len(checks) >= self.k and _quality.poor(checks)[-self.k :].all()
        return bool(stays_bad) and not _quality.still_improves(checks, self.k, 0)
