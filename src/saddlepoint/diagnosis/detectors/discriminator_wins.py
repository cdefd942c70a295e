"""The generator learns nothing from a discriminator that is always right."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from saddlepoint.core.findings import Finding, Range
from saddlepoint.core.history import History
from saddlepoint.core.registry import register
from saddlepoint.diagnosis.detectors import _quality
from saddlepoint.diagnosis.detectors._base import LastingDetector
from saddlepoint.diagnosis.detectors._checks import Checks


@register("discriminator-wins")
@dataclass(frozen=True, kw_only=True)
class DiscriminatorWins(LastingDetector):
    """The discriminator recognises every fake, and the generator's images are bad and stay bad.

    A discriminator that is nearly always right is not a failure by itself: those of large GANs are,
    in healthy runs. It has won when the fakes are far from the data and no measure of them improves
    while it is right at every check.
    Papers: Arjovsky & Bottou 2017, https://arxiv.org/abs/1701.04862, section 2 (the gradient that
    vanishes); Brock et al. 2019, https://arxiv.org/abs/1809.11096, section 4.2 (healthy runs).
    """

    m: int = 7
    k: int = 8
    auc: float = 0.99
    """How often a real image must get a higher output than a fake one."""
    nearly: float = 0.97
    """The same, in the median, where it lasts half as long again."""

    remedies = (
        "change-loss",
        "sound-optimizers",
        "update-ratio",
        "zero-centred-penalties",
        "instance-noise",
        "rebalance-learning-rates",
        "strengthen-loser",
        "dropout",
        "spectral-norm",
        "fewer-layers",
        "data-augmentation",
        "new-seed",
    )

    def bounds(self, history: History) -> dict[str, Range]:
        return {"auc": (0.5, self.nearly)}

    def inspect(self, history: History) -> Finding | None:
        checks = self.checks(history, "auc", "coverage", "coverage_null")
        poor = _quality.poor(checks)
        # Both are needed: in healthy runs of large nets the AUC stays as high, beside good images.
        first = self.since(checks, (checks["auc"] >= self.auc) & poor)
        if first is None:
            first = self._nearly_always_right(checks, poor)
        if first is None or _quality.still_improves(checks, self.k, self.steps):
            return None
        gap = float(checks["real_logit"][-1] - checks["fake_logit"][-1])
        message = (
            "The discriminator has won: it tells every fake from every real image, and the "
            "generator's images are far from the data and no longer improve."
        )
        evidence = checks.known(
            checks.evidence("auc", *self.bounds(history)["auc"]),
            *_quality.evidence(checks),
            checks.evidence("logit_gap", value=gap, note="mean real minus mean fake output"),
        )
        return checks.finding(self, first, message, *evidence)

    def _nearly_always_right(self, checks: Checks, poor: np.ndarray) -> int | None:
        """The first of the last checks, half as many again over half as many update steps again,
        at all of which the images were bad and the discriminator nearly always right."""
        first = checks.window(3 * self.k // 2, 1.5 * self.steps)
        # A lower bar for the AUC, so a higher one for time: bad at each check, not at most.
        if first is None or not poor[first:].all():
            return None
        return first if np.median(checks["auc"][first:]) >= self.nearly else None
