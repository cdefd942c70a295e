"""Density and coverage: precision and recall that are robust to outliers."""

from __future__ import annotations

from dataclasses import dataclass

from saddlepoint.core.measures import Comparison, Measured
from saddlepoint.core.registry import register
from saddlepoint.evaluation.metrics._bootstrap import mean_of
from saddlepoint.evaluation.metrics._pairwise import NeighbourMetric, pairwise


@register("density-coverage")
@dataclass(frozen=True, kw_only=True)
class DensityCoverage(NeighbourMetric):
    """Density: real balls around a fake, divided by k. Coverage: share of real balls with a fake.

    Only real images have balls, so a fake outlier cannot create a large one. Density may exceed 1;
    for equal distributions it is 1 and, with many images, coverage is 1 - 2^-k. A pair at exactly
    the radius counts as inside (the paper's code: outside), so that a set covers itself.
    Paper: Naeem et al. 2020, https://arxiv.org/abs/2002.09797, section 3.
    """

    def measure(self, comparison: Comparison) -> dict[str, Measured]:
        pairs = pairwise(comparison)
        return {
            "density": mean_of(pairs.n_balls / comparison.k, comparison, "density"),
            "coverage": mean_of(pairs.covered, comparison, "coverage"),
        }
