"""The discriminator does not see what is plain to see."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from saddlepoint.core.checks import at_least, between
from saddlepoint.core.findings import Detector, Evidence, Finding
from saddlepoint.core.registry import register
from saddlepoint.core.runs import History
from saddlepoint.diagnosis.detectors import _quality
from saddlepoint.diagnosis.detectors._checks import WIRING, Checks
from saddlepoint.diagnosis.detectors._examples import run, traps


@register("weak-discriminator")
@dataclass(frozen=True, kw_only=True)
class WeakDiscriminator(Detector):
    """The discriminator cannot tell fakes from real images, although simple statistics can.

    An AUC of one half is the aim of the game where the fakes equal the data. Where they do not,
    the discriminator is too small, too slow or too strongly regularised to see the difference.
    Paper: Lopez-Paz & Oquab 2017, https://arxiv.org/abs/1610.06545 (a classifier as a two-sample
    test), and Goodfellow et al. 2014, https://arxiv.org/abs/1406.2661, proposition 1.
    """

    auc: float = 0.6
    """How often a real image gets a higher output than a fake one, in the median, at most."""
    coverage: float = 0.15
    """Coverage, as a share of what equal distributions have, below which fakes are plainly bad."""
    warmup: float = 300
    """Rounds that are not looked at."""
    m: int = 8
    """Checks that must be ill ..."""
    k: int = 10
    """... among this many."""
    steps: float = 350
    """Rounds for which it must have lasted."""

    explained_by: ClassVar[tuple[str, ...]] = (
        *WIRING,
        "non-finite",
        "divergence",
        "generator-wins",
        "complete-mode-collapse",
        "oscillation",
        "lipschitz-violation",
    )

    def __post_init__(self) -> None:
        between(self, 0.5, 1, "auc")
        between(self, 0, 1, "coverage")
        at_least(self, 0, "warmup", "steps")
        between(self, 1, self.k, "m")

    def inspect(self, history: History) -> Finding | None:
        looks = Checks(history, "auc", "coverage", "coverage_null", after=self.warmup)
        blind = (looks["auc"] <= self.auc) & (looks["auc"] >= 1 - self.auc)
        ill = blind & _quality.poor(looks, self.coverage)
        first = looks.lasting(ill, self.m, self.k, self.steps)
        if first is None or _quality.still_improves(looks, self.k, self.steps):
            return None
        auc = float(np.median(looks["auc"][-self.k :]))
        evidence = (
            Evidence(
                name="auc",
                value=auc,
                healthy=(self.auc, 1.0),
                note="how often a real image gets a higher output than a fake one",
            ),
            *_quality.evidence(looks),
        )
        message = (
            f"The discriminator is too weak: it hardly tells fakes from real images (AUC "
            f"{auc:.2f}), although they differ plainly, so the generator has nothing to learn from."
        )
        return looks.finding(self, first, "warn", message, evidence)

    @classmethod
    def healthy(cls) -> list[History]:
        return traps()

    @classmethod
    def unhealthy(cls) -> list[History]:
        blob = {"auc": 0.52, "coverage": 0.08, "nearest_real": 4.0, "off_data": 0.9}
        blob |= {"loss_d": 1.38, "loss_g": 0.7, "real_logit": 0.01, "fake_logit": -0.01}
        return [run(blob), run({**blob, "auc": 0.56, "coverage": 0.12})]
