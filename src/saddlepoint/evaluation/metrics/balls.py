"""Measures by the ball around each image, which reaches to its k-th nearest neighbour."""

from __future__ import annotations

from dataclasses import dataclass

from saddlepoint.core.measures import Comparison, Measured, Metric
from saddlepoint.core.registry import register
from saddlepoint.evaluation.metrics._bootstrap import mean_of
from saddlepoint.evaluation.metrics._pairwise import pairwise


class BallMetric(Metric):
    """A measure by the k nearest neighbours of each image."""

    def unfit(self, comparison: Comparison) -> str:
        few = comparison.smallest <= comparison.k
        return f"needs more than k = {comparison.k} images in each set" if few else ""


@register("precision-recall")
@dataclass(frozen=True, kw_only=True)
class PrecisionRecall(BallMetric):
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


@register("density-coverage")
@dataclass(frozen=True, kw_only=True)
class DensityCoverage(BallMetric):
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


@register("realism")
@dataclass(frozen=True, kw_only=True)
class Realism(BallMetric):
    """Mean over fakes of the largest radius / distance over the real images.

    A fake with 1 or more lies within the radius of a real image. The half of the real images with
    the largest radii is ignored.
    Paper: Kynkäänniemi et al. 2019, https://arxiv.org/abs/1904.06991, equation 5.
    """

    def measure(self, comparison: Comparison) -> dict[str, Measured]:
        # A fake equal to a real image has infinite realism, and would make the mean infinite.
        values = pairwise(comparison).realism.clamp_max(100)
        return {"realism": mean_of(values, comparison, "realism")}
