"""Are the samples copies of training images?"""

from __future__ import annotations

from collections.abc import Sequence
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
    """The training image nearest to each image of a set."""

    squares: Tensor
    """float64 [n]: squared distance to the nearest training image."""
    neighbours: Tensor
    """int64 [n, k]: the nearest k training images in rising distance."""
    between_training: Tensor
    """float64 [n]: squared distance of that training image to its own nearest neighbour."""

    @property
    def suspicious(self) -> Tensor:
        """bool [n]: no copy, if its training image has a neighbour that is closer still."""
        return self.squares < self.between_training

    @property
    def share(self) -> Tensor:
        """float64 [n]: its squared distance over that one; the lower, the more suspicious."""
        return self.squares / self.between_training.clamp_min(1e-300)


def closest(comparison: Comparison) -> dict[str, Closest]:
    """ "fake" and "real" -> their nearest training images; all pairs are passed over once."""
    assert comparison.train is not None
    train, sides = comparison.train.vectors, (comparison.fake.vectors, comparison.real.vectors)
    return comparison.once(
        "closest",
        lambda: dict(
            zip(("fake", "real"), closest_of(sides, train, comparison.device), strict=True)
        ),
    )


@torch.no_grad()
def closest_of(
    sides: Sequence[Tensor], train: Tensor, device: str = "cpu", k: int = 1
) -> list[Closest]:
    """For each set of features float32 [n, d] what is nearest to it in `train` [m, d], m >= 2."""
    # Its own centre: the training images need not lie where the real ones do.
    centre = train.double().mean(0)

    def points(of: Tensor) -> Points:
        return Points.of(of, centre, device, torch.float32)

    known = points(train)
    found = [neighbours(points(side), known, k) for side in sides]
    # Only for training images that are nearest to something. The nearest two of one of them
    # include the image itself.
    hit, positions = torch.cat([index[:, 0] for _, index in found]).unique(return_inverse=True)
    pairs, others = neighbours(points(train[hit.cpu()]), known, 2)
    between = torch.where(others[:, 0] == hit, pairs[:, 1], pairs[:, 0])[positions].cpu()
    return [
        Closest(squares=squares[:, 0].cpu(), neighbours=index.cpu(), between_training=own)
        for (squares, index), own in zip(found, between.split([*map(len, sides)]), strict=True)
    ]


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
        fake, real = found["fake"], found["real"]
        ratio = (fake.squares.median() / real.squares.median().clamp_min(1e-300)).sqrt()
        note = "median distance to the nearest training image: samples / real images"
        return {
            "memorised": mean_of(fake.suspicious, comparison, "memorised", "lower"),
            "memorised_real": mean_of(real.suspicious, comparison, "memorised-real", ""),
            "nearest_training_ratio": Measured(value=ratio.item(), note=note),
        }
