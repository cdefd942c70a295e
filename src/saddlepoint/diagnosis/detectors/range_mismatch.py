"""Real images have values that generated ones cannot have, or the other way round."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from saddlepoint.core.findings import Finding
from saddlepoint.core.history import History
from saddlepoint.core.registry import register
from saddlepoint.diagnosis.detectors._base import WiringDetector


@register("range-mismatch")
@dataclass(frozen=True, kw_only=True)
class RangeMismatch(WiringDetector):
    """The real images' range is not that of the generator's last operation.

    Images in [0, 1] beside a generator that ends in tanh, images in [-1, 1] beside one that ends
    in a sigmoid, raw bytes beside either: brightness alone tells the discriminator all it needs.
    Where the generator's output is unbounded, only raw bytes are reported.
    Reference: https://github.com/soumith/ganhacks, tip 1
    """

    beyond: float = 0.05
    """How far real values may lie outside the generator's range, as a share of its width."""
    unused: float = 0.45
    """Share of that range, at its lower end, that real images in [0, 1] never use."""
    raw: float = 100.0
    """Real values this wide, and ten times wider than the generated ones, are raw bytes."""

    def inspect(self, history: History) -> Finding | None:
        checks = self.checks(history, "real_low", "real_high", "fake_low", "fake_high")
        # Over all batches so far: a dark batch has no bright pixel.
        low = np.minimum.accumulate(checks["real_low"])
        high = np.maximum.accumulate(checks["real_high"])
        reach_low, reach_high = checks["reach_low"], checks["reach_high"]
        width = reach_high - reach_low  # NaN where the output is unbounded: no comparison holds
        outside = (low < reach_low - self.beyond * width) | (
            high > reach_high + self.beyond * width
        )
        # [0, 1] beside a tanh: nothing is outside, but the lower half is never used.
        upper_half = (low > reach_low + self.unused * width) & (high > reach_high - 0.2 * width)
        fake_width = checks["fake_high"] - checks["fake_low"]
        # Bytes are caught beside an unbounded output as well.
        raw = (high - low > self.raw) & (high - low > 10 * fake_width)
        first = self.since(checks, outside | upper_half | raw)
        if first is None:
            return None
        bounded = bool(np.isfinite(reach_low[-1]))
        source = "reach" if bounded else "fake"
        least, most = (float(checks[f"{source}_{end}"][-1]) for end in ("low", "high"))
        can = "can only give" if bounded else "gives"
        message = (
            f"Real images lie in [{low[-1]:.3g}, {high[-1]:.3g}], but the generator {can} "
            f"[{least:.3g}, {most:.3g}]: the discriminator can tell them apart by brightness "
            "alone. Scale the real images to the generator's range."
        )
        span = most - least
        lowest, highest = least - self.beyond * span, least + self.unused * span
        return checks.finding(
            self,
            first,
            message,
            checks.evidence("real_low", lowest, highest, value=low[-1]),
            checks.evidence("real_high", high=most + self.beyond * span, value=high[-1]),
        )
