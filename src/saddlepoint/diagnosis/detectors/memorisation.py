"""The generator copies training images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from saddlepoint.core.checks import at_least, between
from saddlepoint.core.findings import Detector, Evidence, Finding
from saddlepoint.core.registry import register
from saddlepoint.core.runs import History
from saddlepoint.diagnosis.detectors._checks import WIRING, Checks
from saddlepoint.diagnosis.detectors._examples import learning, run, traps


@register("memorisation")
@dataclass(frozen=True, kw_only=True)
class Memorisation(Detector):
    """Fakes lie nearer to single training images than real images do to one another.

    New images of the same kind are as far from the training images as those are from each other;
    copies are nearer. That fakes are narrow is not enough: they must also be nearer than held-back
    real images are, in the median.
    Paper: Meehan et al. 2020, https://arxiv.org/abs/2004.05675 (a test of data copying).
    """

    closeness: float = 0.4
    """Share of the fakes that are nearer to a training image than real ones are to each other."""
    nearest: float = 0.6
    """Median distance to the nearest real image, in those of held-back reals, at most."""
    warmup: float = 300
    """Rounds that are not looked at."""
    m: int = 6
    """Checks that must be ill ..."""
    k: int = 7
    """... among this many."""
    steps: float = 250
    """Rounds for which it must have lasted."""

    explained_by: ClassVar[tuple[str, ...]] = (
        *WIRING,
        "non-finite",
        "divergence",
        "complete-mode-collapse",
    )

    def __post_init__(self) -> None:
        between(self, 0, 1, "closeness", "nearest")
        at_least(self, 0, "warmup", "steps")
        between(self, 1, self.k, "m")

    def inspect(self, history: History) -> Finding | None:
        looks = Checks(history, "train_closeness", after=self.warmup)
        close = looks["train_closeness"]
        with np.errstate(invalid="ignore"):  # an absent distance is no evidence against
            ill = (close > self.closeness) & ~(looks["nearest_real"] > self.nearest)
        first = looks.lasting(ill, self.m, self.k, self.steps)
        if first is None:
            return None
        evidence = Evidence(
            name="train_closeness",
            value=float(np.median(close[-self.k :])),
            healthy=(None, self.closeness),
            note="share of fakes nearer to a training image than real ones are to each other",
        )
        message = (
            f"The generator copies: {100 * evidence.value:.0f} % of its images are nearer to one "
            "training image than training images are to each other."
        )
        return looks.finding(self, first, "warn", message, (evidence,))

    @classmethod
    def healthy(cls) -> list[History]:
        return [*traps(), run({"train_closeness": 0.15, "nearest_real": 0.85})]

    @classmethod
    def unhealthy(cls) -> list[History]:
        copies = {"train_closeness": learning(0.0, 0.9, 5.0), "nearest_real": 0.2}
        return [run(copies), run({"train_closeness": 0.7, "nearest_real": 0.4})]
