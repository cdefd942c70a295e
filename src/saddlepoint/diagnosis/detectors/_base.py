"""What detectors share: a warm-up, and a state that lasts for m of k checks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from saddlepoint.core.checks import at_least, between
from saddlepoint.core.findings import Detector
from saddlepoint.core.runs import History
from saddlepoint.diagnosis.detectors._checks import Checks


@dataclass(frozen=True, kw_only=True)
class LastingDetector(Detector):
    """Waits until a state has lasted: nets pass through bad states in healthy runs as well."""

    # The warm-ups, m, k and steps of all detectors were set on the tuning half of the histories
    # (bench/doctor/evaluate.py) so that none of its healthy runs raises an alarm.
    warmup: float = 200
    """Update steps at the start that are left out."""
    m: int = 6
    """Checks that must show it ..."""
    k: int = 7
    """... among this many."""
    steps: float = 250
    """Update steps for which it must have lasted."""

    def __post_init__(self) -> None:
        at_least(self, 0, "warmup", "steps")
        between(self, 1, self.k, "m")

    def checks(self, history: History, *names: str) -> Checks:
        """The checks after the warm-up that have these columns."""
        return Checks(history, *names, after=self.warmup)

    def since(self, checks: Checks, unhealthy: np.ndarray) -> int | None:
        """The index of the check since which it lasts; None where it does not.

        Args:
            unhealthy: bool [checks].
        """
        return checks.since(unhealthy, self.m, self.k, self.steps)


@dataclass(frozen=True, kw_only=True)
class WiringDetector(LastingDetector):
    """A fault of how the loop is written. It is there from the first step on, so few checks are
    enough, and what it leads to is not reported beside it."""

    category = "wiring"
    remedies = ("repair-wiring",)

    warmup: float = 0
    m: int = 2
    k: int = 2
    steps: float = 0
