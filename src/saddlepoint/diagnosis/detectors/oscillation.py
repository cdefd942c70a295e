"""The generator goes round instead of settling."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from saddlepoint.core.checks import at_least, between
from saddlepoint.core.findings import Detector, Evidence, Finding
from saddlepoint.core.registry import register
from saddlepoint.core.runs import History
from saddlepoint.diagnosis.detectors._checks import WIRING, Checks, entropy, shares
from saddlepoint.diagnosis.detectors._examples import N_BINS, counts, run, traps


@register("oscillation")
@dataclass(frozen=True, kw_only=True)
class Oscillation(Detector):
    """The same latents give other kinds of images at every look: modes come and go.

    Each look's histogram of bins is far from the last one's, and the average of all histograms is
    much wider than each (H(mean) - mean(H), the Jensen gap): the generator does reach the data,
    but never at the same time. Both must go on without getting smaller.
    Papers: Metz et al. 2017, https://arxiv.org/abs/1611.02163, figure 2 (modes that rotate);
    Mescheder et al. 2018, https://arxiv.org/abs/1801.04406, section 2 (why it need not converge).
    """

    gap: float = 0.25
    """Jensen gap of the histograms, in nats, above which they differ."""
    drift: float = 0.1
    """Median Jensen-Shannon divergence of neighbouring looks, in nats (at most 0.69)."""
    warmup: float = 250
    """Rounds that are not looked at."""
    k: int = 12
    """Checks that are compared."""
    steps: float = 400
    """Rounds that those looks must span."""

    explained_by: ClassVar[tuple[str, ...]] = (
        *WIRING,
        "non-finite",
        "divergence",
        "latent-ignored",
    )

    def __post_init__(self) -> None:
        between(self, 0, 5, "gap")
        between(self, 0, 0.69, "drift")
        at_least(self, 0, "warmup", "steps")
        at_least(self, 6, "k")

    def inspect(self, history: History) -> Finding | None:
        looks = Checks(history, "bins", after=self.warmup)
        first = looks.window(self.k, self.steps)
        if first is None:
            return None
        seen = shares(looks.lists("bins")[first:])
        gap = jensen_gap(seen)
        drifts = np.array([jensen_gap(seen[i : i + 2]) for i in range(len(seen) - 1)])
        half = len(drifts) // 2
        settles = np.median(drifts[half:]) < 0.6 * np.median(drifts[:half])
        if gap < self.gap or np.median(drifts) < self.drift or settles:
            return None
        evidence = (
            Evidence(
                name="drift",
                value=float(np.median(drifts)),
                healthy=(None, self.drift),
                note="how much the kinds of images change from look to look, in nats",
            ),
            Evidence(
                name="jensen_gap",
                value=gap,
                healthy=(None, self.gap),
                note=f"how much wider all of the last {len(seen)} looks are than each, in nats",
            ),
        )
        each, together = np.exp(entropy(seen)).mean(), np.exp(entropy(seen.mean(0)))
        message = (
            f"The generator oscillates: a look shows about {each:.1f} kinds of images, all of the "
            f"last {len(seen)} looks together {together:.1f}; what it makes changes all the time."
        )
        return looks.finding(self, first, "fatal", message, evidence)

    @classmethod
    def healthy(cls) -> list[History]:
        return traps()

    @classmethod
    def unhealthy(cls) -> list[History]:
        place = np.arange(N_BINS)
        rotates = np.array([np.exp(-(((place - 3 * t) % N_BINS) ** 2) / 4.0) for t in range(40)])
        jumps = np.array([(place % 4 == t % 4).astype(float) for t in range(40)])
        return [
            run({"bins": counts(rotates + 1e-9), "drift": 0.5, "bins_weight": 0.8}),
            run({"bins": counts(jumps + 1e-9), "drift": 0.69, "bins_weight": 0.75}),
        ]


def jensen_gap(histograms: np.ndarray) -> float:
    """H(mean) - mean(H) of rows [looks, bins] that sum to 1, in nats."""
    return float(entropy(histograms.mean(0)) - entropy(histograms).mean())
