"""Are the samples copies of training images?"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from saddlepoint.core.measures import Comparison, Measured, Metric
from saddlepoint.core.registry import register
from saddlepoint.evaluation.metrics._bootstrap import mean_of
from saddlepoint.evaluation.metrics._neighbours import Points
from saddlepoint.evaluation.metrics._pairwise import neighbours


@dataclass(frozen=True, kw_only=True)
class Closest:
    """The training image nearest to each sample, and to each real image."""

    squares: Tensor
    """float64 [n_fake]: squared distance to the nearest training image."""
    index: Tensor
    """int64 [n_fake]: its index."""
    between_training: Tensor
    """float64 [n_fake]: squared distance of that training image to its own nearest neighbour."""
    real_squares: Tensor
    """float64 [n_real]: squared distance of each real image to the nearest training image."""
    real_between_training: Tensor
    """float64 [n_real]: squared distance of that training image to its own nearest neighbour."""


def closest(comparison: Comparison) -> Closest:
    """The pass over all pairs with training images, done once."""
    return comparison.once("closest", lambda: _closest(comparison))


@torch.no_grad()
def _closest(comparison: Comparison) -> Closest:
    assert comparison.train is not None
    vectors, device = comparison.train.vectors, comparison.device
    # Its own centre: the training images need not lie where the real ones do.
    centre = vectors.double().mean(0)

    def points(of: Tensor) -> Points:
        return Points.of(of, centre, device, torch.float32)

    train = points(vectors)
    squares, index = neighbours(points(comparison.fake.vectors), train, 1)
    real_squares, real_index = neighbours(points(comparison.real.vectors), train, 1)
    # Only for training images that are nearest to something. The nearest two of one of them
    # include the image itself.
    hit, positions = torch.cat([index, real_index])[:, 0].unique(return_inverse=True)
    pairs, others = neighbours(points(vectors[hit.cpu()]), train, 2)
    between = torch.where(others[:, 0] == hit, pairs[:, 1], pairs[:, 0])[positions].cpu()
    n = len(index)
    return Closest(
        squares=squares[:, 0].cpu(),
        index=index[:, 0].cpu(),
        between_training=between[:n],
        real_squares=real_squares[:, 0].cpu(),
        real_between_training=between[n:],
    )


@register("memorisation")
@dataclass(frozen=True, kw_only=True)
class Memorisation(Metric):
    """Share of samples closer to a training image than that image is to any other.

    Some are by chance: compare it with memorised_real, the share of real images that were not
    trained on. A share well above it means copies; look at the pairs.
    Paper: Alaa et al. 2022, https://arxiv.org/abs/2102.08921, section 4 (1 - authenticity).
    """

    def unfit(self, comparison: Comparison) -> str:
        return "" if comparison.train is not None else "no training images were given"

    def measure(self, comparison: Comparison) -> dict[str, Measured]:
        found = closest(comparison)
        # A sample is no copy if its training image has a neighbour that is closer still.
        copies = found.squares < found.between_training
        by_chance = found.real_squares < found.real_between_training
        ratio = (found.squares.median() / found.real_squares.median().clamp_min(1e-300)).sqrt()
        note = "median distance to the nearest training image: samples / real images"
        return {
            "memorised": mean_of(copies, comparison, "memorised", "lower"),
            "memorised_real": mean_of(by_chance, comparison, "memorised-real", ""),
            "nearest_training_ratio": Measured(value=ratio.item(), note=note),
        }
