"""Some kinds of images are never made."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from saddlepoint.core.findings import Finding
from saddlepoint.core.history import History
from saddlepoint.core.registry import register
from saddlepoint.diagnosis.detectors import _quality
from saddlepoint.diagnosis.detectors._base import BROKEN, BehaviourDetector
from saddlepoint.diagnosis.detectors._checks import shares


@register("partial-mode-collapse")
@dataclass(frozen=True, kw_only=True)
class PartialModeCollapse(BehaviourDetector):
    """The generator leaves out whole regions (or classes) of the data, always the same ones.

    The fakes are counted in bins of the real data. A bin is missing when its share of the fakes,
    averaged over several checks, is below a quarter of its share of the data and significantly
    below half of it. One check alone has too few fakes for such a judgement; bins that come and go
    are another failure; and a generator that is still finding bins is healthy.
    Paper: Richardson & Weiss 2018, https://arxiv.org/abs/1805.12462, section 3 (number of
    statistically different bins), there without an effect size.
    """

    # Just above two of ten classes, which healthy runs may find late: rather silent than wrong.
    weight: float = 0.22
    """Share of the data that must lie in the missing bins."""
    below: float = 0.25
    """A bin is missing when the fakes have less than this of its share of the data."""
    warmup: float = 250
    k: int = 8
    z: float = 2.6
    """Standard errors by which a missing bin must lie below half of its real share."""

    explained_by = (
        *BROKEN,
        "complete-mode-collapse",
        "discriminator-wins",
        "generator-wins",
        "oscillation",
        "latent-ignored",
        "condition-ignored",
    )
    remedies = (
        "sound-optimizers",
        "strengthen-loser",
        "change-loss",
        "packing",
        "zero-centred-penalties",
        "minibatch-stddev",
        "longer-latent",
        "rebalance-learning-rates",
        "new-seed",
    )

    def inspect(self, history: History) -> Finding | None:
        checks = self.checks(history, "bins", "bins_real")
        first = checks.window(self.k, self.steps)
        if first is None:
            return None
        counted, real = checks.lists("bins"), checks.lists("bins_real")[-1]
        missing = self._missing(counted[first:], real)
        weight = float(real[missing].sum())
        # A fake is counted in its nearest bin however far off it lies, so it must lie on the data.
        astray = _quality.off_the_data(checks)[first:].mean() > 0.5
        if astray or weight < self.weight or self._still_finds(counted, first, real, weight):
            return None
        share = float(shares(counted[first:].sum(0))[missing].sum())
        kinds = "classes" if checks.rows[-1].get("bins_are_classes") == 1 else "regions"
        message = (
            f"{len(missing)} of {len(real)} {kinds} of the data are missing among the fakes: they "
            f"hold {100 * weight:.0f} % of the real images and {100 * share:.1f} % of the fakes "
            f"({kinds} {', '.join(map(str, missing))})."
        )
        return checks.finding(
            self,
            first,
            message,
            checks.evidence(
                "missing_weight",
                high=self.weight,
                value=weight,
                note="share of the real data in the missing bins",
            ),
            checks.evidence(
                "missing_share",
                low=weight / 2,
                value=share,
                note=f"share of the fakes in these bins, over {len(checks) - first} checks",
            ),
            severity="fatal" if weight >= 2 * self.weight else "warn",
            missing=tuple(int(index) for index in missing),
        )

    def _missing(self, counted: np.ndarray, real: np.ndarray) -> np.ndarray:
        """Indices of the bins that the fakes of these checks [k, bins] leave out."""
        # Every check uses the same latents, so its fakes are not independent draws: the standard
        # error is that of a single check.
        n = float(np.median(counted.sum(1)))
        seen = shares(counted).mean(0)
        error = np.sqrt(real / 2 * (1 - real / 2) / max(n, 1.0))
        significant = seen < real / 2 - self.z * error
        # A small bin cannot lie that far below its half; it must then be empty at every check.
        significant |= (counted.sum(0) == 0) & (real * n * len(counted) >= 8)
        return np.flatnonzero((seen < self.below * real) & significant & (real > 0))

    def _still_finds(
        self, counted: np.ndarray, first: int, real: np.ndarray, weight: float
    ) -> bool:
        """Whether as many checks before the window missed more than it does, or whether fakes
        begin to reach the missing bins."""
        window = counted[first:]
        missing = self._missing(window, real)
        half = len(window) // 2
        older, newer = (
            shares(part.sum(0))[missing].sum() for part in (window[:half], window[half:])
        )
        # 2 % of the fakes are more than a few stray ones.
        if newer > 0.02 and newer > 2 * older:
            return True
        # Without checks before the window, nothing tells whether bins are still being found.
        before = counted[max(0, first - len(window)) : first]
        if len(before) < half:
            return True  # too early to tell
        return float(real[self._missing(before, real)].sum()) > weight + 0.05
