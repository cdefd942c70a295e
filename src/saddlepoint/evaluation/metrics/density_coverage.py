"""Density and coverage: precision and recall that one odd image cannot spoil."""

from __future__ import annotations

from dataclasses import dataclass

from saddlepoint.core.measures import Comparison, Measured, Metric
from saddlepoint.core.registry import register
from saddlepoint.evaluation.metrics._bootstrap import mean_of
from saddlepoint.evaluation.metrics._pairwise import pairwise, too_few_neighbours


@register("density-coverage")
@dataclass(frozen=True, kw_only=True)
class DensityCoverage(Metric):
    """Density: real balls around a fake, divided by k. Coverage: share of real balls with a fake.

    Only real images have balls, so a fake that lies far off cannot make a large one. Density may
    exceed 1; two equal distributions have density 1 and, for many images, coverage 1 - 2^-k.
    A pair at exactly the radius counts as inside (the paper's code: outside), so that a set
    covers itself.
    Paper: Naeem et al. 2020, https://arxiv.org/abs/2002.09797, section 3.
    """

    def unfit(self, comparison: Comparison) -> str:
        return too_few_neighbours(comparison)

    def measure(self, comparison: Comparison) -> dict[str, Measured]:
        pairs = pairwise(comparison)
        return {
            "density": mean_of(pairs.n_balls / comparison.k, comparison, "density"),
            "coverage": mean_of(pairs.covered, comparison, "coverage"),
        }
