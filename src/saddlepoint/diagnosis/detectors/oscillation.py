"""The generator goes round in circles instead of settling."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from saddlepoint.core.findings import Finding
from saddlepoint.core.history import History
from saddlepoint.core.registry import register
from saddlepoint.diagnosis.detectors._base import BROKEN, BehaviourDetector
from saddlepoint.diagnosis.detectors._checks import entropy, shares


@register("oscillation")
@dataclass(frozen=True, kw_only=True)
class Oscillation(BehaviourDetector):
    """The same latents give other kinds of images at every check: modes come and go.

    Each check's histogram of bins is far from the previous one, and the average of all histograms
    is much wider than each (H(mean) - mean(H), the Jensen gap): the generator does reach the data,
    but never all of it at once. Both must go on without getting smaller.
    Papers: Metz et al. 2017, https://arxiv.org/abs/1611.02163, figure 2 (modes that rotate);
    Mescheder et al. 2018, https://arxiv.org/abs/1801.04406, section 2 (why it need not converge).
    """

    gap: float = 0.25
    """Jensen gap of the histograms, in nats, above which they differ."""
    drift: float = 0.1
    """Median Jensen-Shannon divergence of neighbouring checks, in nats (at most 0.69)."""
    warmup: float = 250
    k: int = 12
    steps: float = 400

    explained_by = (*BROKEN, "latent-ignored")
    remedies = (
        "longer-latent",
        "sound-optimizers",
        "strengthen-loser",
        "zero-centred-penalties",
        "rebalance-learning-rates",
        "change-loss",
        "spectral-norm",
        "new-seed",
    )

    def inspect(self, history: History) -> Finding | None:
        checks = self.checks(history, "bins")
        first = checks.window(self.k, self.steps)
        if first is None:
            return None
        # All checks use the same latents: whatever changes in the histogram, the generator changed.
        seen = shares(checks.lists("bins")[first:])
        gap = jensen_gap(seen)
        drifts = np.array([jensen_gap(seen[i : i + 2]) for i in range(len(seen) - 1)])
        drift, half = float(np.median(drifts)), len(drifts) // 2
        # Modes that move less and less belong to a run that settles.
        settles = np.median(drifts[half:]) < 0.6 * np.median(drifts[:half])
        if gap < self.gap or drift < self.drift or settles:
            return None
        each, together = np.exp(entropy(seen)).mean(), np.exp(entropy(seen.mean(0)))
        message = (
            f"The generator oscillates: one check shows about {each:.1f} kinds of images, the last "
            f"{len(seen)} checks together {together:.1f}; what it makes changes all the time."
        )
        return checks.finding(
            self,
            first,
            message,
            checks.evidence(
                "drift",
                high=self.drift,
                value=drift,
                note="how much the kinds of images change from check to check, in nats",
            ),
            checks.evidence(
                "jensen_gap",
                high=self.gap,
                value=gap,
                note=f"how much wider the last {len(seen)} checks together are than each, in nats",
            ),
        )


def jensen_gap(histograms: np.ndarray) -> float:
    """H(mean) - mean(H) of rows [checks, bins] that sum to 1, in nats."""
    return float(entropy(histograms.mean(0)) - entropy(histograms).mean())
