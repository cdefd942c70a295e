"""Improved precision and recall."""

from __future__ import annotations

from dataclasses import dataclass

from saddlepoint.core.measures import Comparison, Measured
from saddlepoint.core.registry import register
from saddlepoint.evaluation.metrics._bootstrap import mean_of
from saddlepoint.evaluation.metrics._pairwise import NeighbourMetric, pairwise


@register("precision-recall")
@dataclass(frozen=True, kw_only=True)
class PrecisionRecall(NeighbourMetric):
    """Share of fakes within the radius of a real image, and of real images within a fake's.

    The radius of an image reaches its k-th nearest neighbour in the same set; a pair at exactly the
    radius counts as inside. The intervals keep the balls fixed and resample what is counted.
    Paper: Kynkäänniemi et al. 2019, https://arxiv.org/abs/1904.06991, equations 1 to 3.
    """

    def measure(self, comparison: Comparison) -> dict[str, Measured]:
        pairs = pairwise(comparison)
        return {
            "precision": mean_of(pairs.n_balls > 0, comparison, "precision"),
            "recall": mean_of(pairs.inside_fake, comparison, "recall"),
        }
