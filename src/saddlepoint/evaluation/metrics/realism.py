"""Realism score of each image."""

from __future__ import annotations

from dataclasses import dataclass

from saddlepoint.core.measures import Comparison, Measured, Metric
from saddlepoint.core.registry import register
from saddlepoint.evaluation.metrics._bootstrap import mean_of
from saddlepoint.evaluation.metrics._pairwise import pairwise, too_few_neighbours


@register("realism")
@dataclass(frozen=True, kw_only=True)
class Realism(Metric):
    """Mean over fakes of the greatest radius / distance over the real images.

    An image with 1 or more lies within the radius of a real one. The half of the real images with
    the widest radii is left out. Of single images: `evaluate` keeps the values of all fakes.
    Paper: Kynkäänniemi et al. 2019, https://arxiv.org/abs/1904.06991, equation 5.
    """

    def unfit(self, comparison: Comparison) -> str:
        return too_few_neighbours(comparison)

    def measure(self, comparison: Comparison) -> dict[str, Measured]:
        # A fake on top of a real image is infinitely realistic; the mean would be, too.
        values = pairwise(comparison).realism.clamp_max(100)
        return {"realism": mean_of(values, comparison, "realism")}
