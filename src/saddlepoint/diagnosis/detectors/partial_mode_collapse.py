"""Some kinds of images are never made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from saddlepoint.core.checks import above, at_least, between
from saddlepoint.core.findings import Detector, Evidence, Finding
from saddlepoint.core.registry import register
from saddlepoint.core.runs import History
from saddlepoint.diagnosis.detectors import _quality
from saddlepoint.diagnosis.detectors._checks import WIRING, Checks, shares
from saddlepoint.diagnosis.detectors._examples import N_BINS, counts, even_bins, run, traps


@register("partial-mode-collapse")
@dataclass(frozen=True, kw_only=True)
class PartialModeCollapse(Detector):
    """The generator leaves out whole regions (or classes) of the data, always the same ones.

    The fakes are counted in bins of the real data. A bin is missing when its share of the fakes,
    averaged over several looks, is below a quarter of its share of the data and significantly
    below a half of it. One look alone has too few fakes for such a judgement; bins that come and
    go are another failure; and a generator that is still finding bins is not ill.
    Paper: Richardson & Weiss 2018, https://arxiv.org/abs/1805.12462, section 3 (number of
    statistically different bins), there without an effect size.
    """

    weight: float = 0.22
    """Share of the data that must lie in the missing bins."""
    below: float = 0.25
    """A bin is missing when the fakes have less than this of its share of the data."""
    warmup: float = 250
    """Rounds that are not looked at."""
    k: int = 8
    """Checks over which the fakes are counted."""
    steps: float = 250
    """Rounds that those looks must span."""
    z: float = 2.6
    """Standard errors by which a missing bin must lie below half of its real share."""

    explained_by: ClassVar[tuple[str, ...]] = (
        *WIRING,
        "non-finite",
        "divergence",
        "complete-mode-collapse",
        "discriminator-wins",
        "generator-wins",
        "oscillation",
        "latent-ignored",
        "condition-ignored",
    )

    def __post_init__(self) -> None:
        between(self, 0, 1, "weight", "below")
        above(self, 0, "z")
        at_least(self, 0, "warmup", "steps")
        at_least(self, 4, "k")

    def inspect(self, history: History) -> Finding | None:
        looks = Checks(history, "bins", "bins_real", after=self.warmup)
        first = looks.window(self.k, self.steps)
        if first is None:
            return None
        counted = looks.lists("bins")
        real = looks.lists("bins_real")[-1]
        missing = self._missing(counted[first:], real)
        weight = float(real[missing].sum())
        lost = _quality.off_the_data(looks)[first:].mean() > 0.5
        if lost or weight < self.weight or self._still_finds(counted, first, real, weight):
            return None
        seen = shares(counted[first:].sum(0))
        evidence = (
            Evidence(
                name="missing_weight",
                value=weight,
                healthy=(None, self.weight),
                note="share of the real data in the missing bins",
            ),
            Evidence(
                name="missing_share",
                value=float(seen[missing].sum()),
                healthy=(weight / 2, None),
                note=f"share of the fakes in those bins, over the last {len(looks) - first} looks",
            ),
        )
        names = ", ".join(str(index) for index in missing)
        kinds = "classes" if looks.rows[-1].get("bins_are_classes") == 1 else "regions"
        message = (
            f"{len(missing)} of {len(real)} {kinds} of the data are missing among the fakes: they "
            f"hold {100 * weight:.0f} % of the real images and {100 * seen[missing].sum():.1f} % "
            f"of the fakes ({kinds} {names})."
        )
        severity = "fatal" if weight >= 2 * self.weight else "warn"
        return looks.finding(
            self, first, severity, message, evidence, tuple(int(index) for index in missing)
        )

    def _missing(self, counted: np.ndarray, real: np.ndarray) -> np.ndarray:
        """Indices of the bins that the fakes of these looks [k, bins] leave out.

        All looks have the same latents, so their fakes are no independent draws: the error is that
        of a single look.
        """
        n = float(np.median(counted.sum(1)))
        seen = shares(counted).mean(0)
        error = np.sqrt(real / 2 * (1 - real / 2) / max(n, 1.0))
        significant = seen < real / 2 - self.z * error
        # A small bin cannot lie that far below its half; it must then be empty at every look.
        significant |= (counted.sum(0) == 0) & (real * n * len(counted) >= 8)
        return np.flatnonzero((seen < self.below * real) & significant & (real > 0))

    def _still_finds(
        self, counted: np.ndarray, first: int, real: np.ndarray, weight: float
    ) -> bool:
        """True when as many looks before the window missed more than it does, or when fakes begin
        to come to the missing bins."""
        window = counted[first:]
        missing = self._missing(window, real)
        half = len(window) // 2
        older, newer = (
            shares(part.sum(0))[missing].sum() for part in (window[:half], window[half:])
        )
        if newer > 0.02 and newer > 2 * older:
            return True
        before = counted[max(0, first - len(window)) : first]
        if len(before) < half:
            return True  # too early to tell
        return float(real[self._missing(before, real)].sum()) > weight + 0.05

    @classmethod
    def healthy(cls) -> list[History]:
        seven_of_eight = np.ones((40, 8))
        seven_of_eight[:, 3] = 0
        uneven = even_bins() * (0.6 + 0.8 * (np.arange(N_BINS) % 2))
        grows = np.array([np.arange(N_BINS) < 6 + look // 2 for look in range(40)], dtype=float)
        return [
            *traps(),
            run({"bins": counts(seven_of_eight), "bins_real": [[1 / 8] * 8] * 40}),
            run({"bins": counts(uneven)}),
            run({"bins": counts(grows + 1e-9), "bins_weight": 1 - grows.mean(1)}),
        ]

    @classmethod
    def unhealthy(cls) -> list[History]:
        loses = even_bins()
        loses[10:, :9] = 1e-9
        three_of_eight = np.ones((40, 8))
        three_of_eight[:, 3:] = 1e-9
        return [
            run({"bins": counts(loses), "bins_weight": 0.45, "coverage": 0.4}),
            run({"bins": counts(three_of_eight), "bins_real": [[1 / 8] * 8] * 40}),
        ]
