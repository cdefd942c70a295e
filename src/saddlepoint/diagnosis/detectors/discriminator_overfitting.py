"""The discriminator knows the training images by heart."""

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


@register("discriminator-overfitting")
@dataclass(frozen=True, kw_only=True)
class DiscriminatorOverfitting(Detector):
    """Training images get higher outputs than images of the same kind that were held out.

    Both come from the same distribution, so the probability that a training image gets the higher
    output is one half whatever the discriminator is like, unless it remembers.
    Papers: Karras et al. 2020, https://arxiv.org/abs/2006.06676, section 2; Brock et al. 2019,
    https://arxiv.org/abs/1809.11096, section 4.2 (large GANs that do so and are still good).
    """

    auc: float = 0.68
    """How often a training image gets a higher output than a held-out one."""
    warmup: float = 200
    """Rounds that are not looked at."""
    m: int = 6
    """Checks that must be ill ..."""
    k: int = 7
    """... among this many."""
    steps: float = 250
    """Rounds for which it must have lasted."""

    explained_by: ClassVar[tuple[str, ...]] = (*WIRING, "non-finite", "divergence")

    def __post_init__(self) -> None:
        between(self, 0.5, 1, "auc")
        at_least(self, 0, "warmup", "steps")
        between(self, 1, self.k, "m")

    def inspect(self, history: History) -> Finding | None:
        looks = Checks(history, "heldout_auc", after=self.warmup)
        values = looks["heldout_auc"]
        first = looks.lasting(values > self.auc, self.m, self.k, self.steps)
        if first is None:
            return None
        auc = float(np.median(values[-self.k :]))
        evidence = Evidence(
            name="heldout_auc",
            value=auc,
            healthy=(1 - self.auc, self.auc),
            note="how often a training image gets a higher output than a held-out one",
        )
        message = (
            "The discriminator knows the training images by heart: it rates them above held-out "
            f"images of the same kind in {100 * auc:.0f} % of the pairs, where 50 % is chance."
        )
        return looks.finding(self, first, "warn", message, (evidence,))

    @classmethod
    def healthy(cls) -> list[History]:
        noise = 0.5 + 0.08 * np.sin(np.arange(40) * 1.7)
        return [*traps(), run({"heldout_auc": noise})]

    @classmethod
    def unhealthy(cls) -> list[History]:
        return [run({"heldout_auc": learning(0.5, 0.95, 4.0)}), run({"heldout_auc": 0.78})]
