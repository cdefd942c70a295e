"""What detectors share: a warm-up, and a state that lasts for m of k checks."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from saddlepoint.core.checks import at_least, between
from saddlepoint.core.findings import Detector
from saddlepoint.core.history import History
from saddlepoint.diagnosis.detectors._checks import Checks

BROKEN = ("wiring", "non-finite", "divergence")
"""What explains any other behaviour."""


@dataclass(frozen=True, kw_only=True)
class BehaviourDetector(Detector):
    """Leaves out the start, and judges by the newest checks."""

    explained_by = BROKEN

    # The numbers of all detectors were set on one half of the stored histories so that none of
    # its healthy runs raises an alarm, and are reported on the other (bench/doctor/evaluate.py).
    warmup: float = 200
    """Update steps at the start that are left out."""
    k: int = 7
    """Newest checks that are judged together."""
    steps: float = 250
    """Update steps that the evidence must span."""

    def __post_init__(self) -> None:
        # Each field is a count, a share or a factor.
        at_least(self, 0, *(field.name for field in fields(self)))

    def waits(self, history: History) -> bool:
        # A column that every check has: what a loop cannot give at all, nobody waits for.
        return self.checks(history, "nonfinite").window(self.k, self.steps) is None

    def checks(self, history: History, *names: str) -> Checks:
        """The checks after the warm-up that have these columns."""
        return Checks(history, *names, after=self.warmup)


@dataclass(frozen=True, kw_only=True)
class LastingDetector(BehaviourDetector):
    """Waits until a state has lasted: nets pass through bad states in healthy runs as well."""

    m: int = 6
    """Checks among the k that must show it."""

    def __post_init__(self) -> None:
        super().__post_init__()
        between(self, 1, self.k, "m")

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
    explained_by = ()
    remedies = ("repair-wiring",)

    # Counted in checks alone: the first ones lie within a hundred steps.
    warmup: float = 0
    m: int = 2
    k: int = 2
    steps: float = 0
