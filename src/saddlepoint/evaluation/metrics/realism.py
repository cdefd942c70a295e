"""Realism score of each image."""

from __future__ import annotations

from dataclasses import dataclass

from saddlepoint.core.measures import Comparison, Measured
from saddlepoint.core.registry import register
from saddlepoint.evaluation.metrics._bootstrap import mean_of
from saddlepoint.evaluation.metrics._pairwise import NeighbourMetric, pairwise


@register("realism")
@dataclass(frozen=True, kw_only=True)
class Realism(NeighbourMetric):
    """Mean over fakes of the largest radius / distance over the real images.

    A fake with 1 or more lies within the radius of a real image. The half of the real images with
    the largest radii is ignored.
    Paper: Kynkäänniemi et al. 2019, https://arxiv.org/abs/1904.06991, equation 5.
    """

    def measure(self, comparison: Comparison) -> dict[str, Measured]:
        # A fake equal to a real image has infinite realism, and would make the mean infinite.
        values = pairwise(comparison).realism.clamp_max(100)
        return {"realism": mean_of(values, comparison, "realism")}
