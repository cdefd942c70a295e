"""A learning rate far beyond what the weights bear."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from saddlepoint.core.checks import above, at_least
from saddlepoint.core.findings import Detector, Evidence, Finding
from saddlepoint.core.registry import register
from saddlepoint.core.runs import History
from saddlepoint.diagnosis.detectors import _quality
from saddlepoint.diagnosis.detectors._checks import Checks
from saddlepoint.diagnosis.detectors._examples import run
from saddlepoint.diagnosis.detectors._frozen import NAMES
from saddlepoint.diagnosis.detectors._wiring import early, sound

SETTLED = 10
"""Steps after which an adaptive optimiser's first large steps are over."""


@register("learning-rate-too-high")
@dataclass(frozen=True, kw_only=True)
class LearningRateTooHigh(Detector):
    """One step changes a net's weights by a large share of themselves, step after step.

    About a thousandth of the weights a step is usual, a hundredth at the start; at a tenth the net
    of a few steps ago is forgotten. The first step of an adaptive optimiser is always large and
    does not count alone. Normalised nets may survive such a start, as their weights grow until the
    share is small: so it is information while training starts, and fatal afterwards where the steps
    stay large or the damage is done, which shows in images that are bad and stay so.
    Reference: https://cs231n.github.io/neural-networks-3/#ratio
    """

    ratio: float = 0.1
    """Change of one step, as a share of the weights, that is too much."""
    first: float = 0.25
    """The same of the very first step."""
    until: float = 500
    """Steps of the start."""
    k: int = 5
    """Checks at which the images must be bad, after the start."""

    explained_by: ClassVar[tuple[str, ...]] = ("optimizer-mixup", "wrong-sign", "broken-resume")

    def __post_init__(self) -> None:
        above(self, 0, "ratio", "first")
        at_least(self, 1, "until", "k")

    def inspect(self, history: History) -> Finding | None:
        found = [self._player(history, player) for player in NAMES]
        both = [finding for finding in found if finding is not None]
        return max(both, key=lambda finding: finding.evidence[0].value, default=None)

    def _player(self, history: History, player: str) -> Finding | None:
        name = f"update_ratio_{player}"
        looks = Checks(history, name)
        ratio = looks[name]
        if len(ratio) < 2:
            return None
        large = ratio > self.ratio
        # The looks at steps 1 and 3; where an early one is lacking, the next two must agree, unless
        # the optimiser has settled by the first look and its steps are very large all the same.
        settled = looks.steps[0] > SETTLED
        at_once = ratio[0] > self.first and ((looks.steps[0] <= 1 and large[1]) or settled)
        after = large[looks.steps > 1][:2]
        at_start = looks.steps[0] <= self.until and (at_once or (len(after) == 2 and after.all()))
        is_start = looks.steps[-1] <= self.until
        if not at_start or not (is_start or large[-3:].all() or self._is_harmed(history)):
            return None
        value = float(np.max(ratio[:3]))
        evidence = Evidence(
            name=name,
            value=value,
            healthy=(1e-5, 0.03),
            note="2-norm of one step's change / 2-norm of the weights, in the first steps",
        )
        advice = (
            "An adaptive optimiser's first steps are large; if its images stay bad, its learning "
            "rate is too high."
            if is_start
            else "Its learning rate is some ten times too high or more. Lower it."
        )
        message = (
            f"Each step changes the {NAMES[player]}'s weights by {100 * value:.0f} % of themselves."
            f" {advice}"
        )
        return looks.finding(self, 0, "info" if is_start else "fatal", message, (evidence,))

    def _is_harmed(self, history: History) -> bool:
        looks = Checks(history, "coverage", "coverage_null", after=self.until)
        if len(looks) < self.k or _quality.still_improves(looks, self.k, 0):
            return False
        return bool(_quality.poor(looks)[-self.k :].all())

    @classmethod
    def healthy(cls) -> list[History]:
        first_step = {"update_ratio_d": [0.4, 0.06, 0.03, 0.02, 0.01, 0.01]}
        rms_prop = {"update_ratio_d": [0.17, 0.09, 0.05, 0.04, 0.04, 0.04]}
        return [*sound(), early(first_step), early(rms_prop)]

    @classmethod
    def unhealthy(cls) -> list[History]:
        return [
            early({"update_ratio_d": [1.2, 0.7, 0.3, 0.1, 0.06, 0.05]}),
            early({"update_ratio_d": [0.72, 0.35, 0.02, 0.004, 0.003, 0.003]}),
            early({"update_ratio_g": [0.9, 0.6, 0.4, 0.2, 0.1, 0.1]}),
            run({"update_ratio_g": [0.4, *[0.02] * 39], "coverage": 0.0, "nearest_real": 6.0}),
        ]
