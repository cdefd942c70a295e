"""Real images have values that generated ones cannot have, or the other way round."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from saddlepoint.core.checks import above, at_least, between
from saddlepoint.core.findings import Detector, Evidence, Finding
from saddlepoint.core.registry import register
from saddlepoint.core.runs import History
from saddlepoint.diagnosis.detectors._checks import Checks
from saddlepoint.diagnosis.detectors._wiring import early, sound


@register("range-mismatch")
@dataclass(frozen=True, kw_only=True)
class RangeMismatch(Detector):
    """The real images' range is not that of the generator's last operation.

    Images in [0, 1] beside a generator that ends in tanh, images in [-1, 1] beside one that ends
    in a sigmoid, raw bytes beside either: the discriminator needs no more than the brightness.
    Where the generator's end is unbounded nothing is reported but raw bytes.
    Reference: https://github.com/soumith/ganhacks, tip 1
    """

    beyond: float = 0.05
    """How far, as a share of the reach's width, real values may lie outside of it."""
    unused: float = 0.45
    """Share of the reach at its lower end that real images never use when they are in [0, 1]."""
    raw: float = 100.0
    """Real values this wide, ten times wider than the generated ones, are raw bytes."""
    looks: int = 2
    """Checks in a row that must show it."""

    def __post_init__(self) -> None:
        at_least(self, 0, "beyond")
        between(self, 0, 1, "unused")
        above(self, 0, "raw")
        at_least(self, 1, "looks")

    def inspect(self, history: History) -> Finding | None:
        looks = Checks(history, "real_low", "real_high", "fake_low", "fake_high")
        low = np.minimum.accumulate(looks["real_low"])
        high = np.maximum.accumulate(looks["real_high"])
        reach_low, reach_high = looks["reach_low"], looks["reach_high"]
        width = reach_high - reach_low  # NaN where the end is unbounded: no comparison is true
        outside = (low < reach_low - self.beyond * width) | (
            high > reach_high + self.beyond * width
        )
        upper_half = (low > reach_low + self.unused * width) & (high > reach_high - 0.2 * width)
        fake_width = looks["fake_high"] - looks["fake_low"]
        raw = (high - low > self.raw) & (high - low > 10 * fake_width)
        first = looks.lasting(outside | upper_half | raw, self.looks, self.looks)
        if first is None:
            return None
        bounded = bool(np.isfinite(reach_low[-1]))
        span = (reach_low, reach_high) if bounded else (looks["fake_low"], looks["fake_high"])
        bounds = (float(span[0][-1]), float(span[1][-1]))
        reach = bounds[1] - bounds[0]
        evidence = (
            Evidence(
                name="real_low",
                value=float(low[-1]),
                healthy=(bounds[0] - self.beyond * reach, bounds[0] + self.unused * reach),
                note="least value of real images, as the discriminator gets them",
            ),
            Evidence(
                name="real_high",
                value=float(high[-1]),
                healthy=(None, bounds[1] + self.beyond * reach),
                note="greatest value of real images",
            ),
        )
        can = "can only give" if bounded else "gives"
        message = (
            f"Real images lie in {_span(low[-1], high[-1])}, but the generator {can} "
            f"{_span(*bounds)}: the discriminator can tell them apart by brightness alone. Scale "
            "the real images to the generator's range."
        )
        return looks.finding(self, first, "fatal", message, evidence)

    @classmethod
    def healthy(cls) -> list[History]:
        dark_batch = {"real_low": -1.0, "real_high": [0.2, 0.3, 0.9, 0.9, 1.0, 1.0]}
        sigmoid = {"reach_low": 0.0, "real_low": 0.0, "fake_low": 0.1, "fake_high": 0.9}
        return [*sound(), early(dark_batch), early(sigmoid)]

    @classmethod
    def unhealthy(cls) -> list[History]:
        raw = {"reach_low": None, "reach_high": None, "real_low": 0.0, "real_high": 255.0}
        return [
            early({"real_low": 0.0}),
            early({"real_low": 0.0, "real_high": 255.0}),
            early({"reach_low": 0.0}),
            early(raw),
        ]


def _span(low: float, high: float) -> str:
    return f"[{low:.3g}, {high:.3g}]"
