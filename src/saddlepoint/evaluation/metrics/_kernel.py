"""Sums of KID's polynomial kernel over pairs, from the tiles of the pairwise pass."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from saddlepoint.core.measures import Comparison
from saddlepoint.core.randomness import derive_seed
from saddlepoint.core.ranks import sharing
from saddlepoint.evaluation.metrics._bootstrap import weights
from saddlepoint.evaluation.metrics._neighbours import ROWS_AT_ONCE, Points

N_SUBSETS, SUBSET_SIZE = 100, 1000


def subset_size(comparison: Comparison) -> int:
    """1,000, or the size of the smaller set when that is less."""
    return min(SUBSET_SIZE, comparison.smallest)


def members(comparison: Comparison) -> tuple[Tensor, Tensor]:
    """How often each real and each fake image is in a group: float32 [s, n_real], [s, n_fake].

    The groups are the 100 subsets, drawn without replacement, then all images, then the resamples
    of the bootstrap: a function of the seed and the two sizes.
    """
    generator = torch.Generator().manual_seed(derive_seed(comparison.seed, "kid-subsets", 0))
    found = []
    for side, n in (("real", len(comparison.real)), ("fake", len(comparison.fake))):
        subsets = torch.zeros(N_SUBSETS, n)
        for row in subsets:
            row[torch.randperm(n, generator=generator)[: subset_size(comparison)]] = 1
        drawn = [n * share[None] for share in weights(n, comparison, f"kid-{side}")]
        found.append(torch.cat([subsets, torch.ones(1, n), *drawn]))
    return found[0], found[1]


class KernelSums:
    """(x.y / d + 1)^3    (1)

    summed over the pairs real-real, fake-fake and real-fake within each group of images.

    The pass gives scalar products of centred features, a = x - c and b = y - c, but the kernel is
    one of the features themselves:

    x.y = a.b + a.c + b.c + c.c    (2)
    """

    def __init__(
        self, real: Points, fake: Points, real_members: Tensor, fake_members: Tensor
    ) -> None:
        """members float32 [s, n], see `members`."""
        self.d = len(real.centre)
        dtype, device = real.dtype, real.squares.device
        centre = real.centre
        square = centre.square().sum()
        # By (2), x.y / d + 1 is a.b / d plus one number for x and one for y: the offsets.
        self.offsets: dict[str, Tensor] = {}
        self.members: dict[str, Tensor] = {}
        self.sums: dict[str, Tensor] = {}
        """float64 [s] of real-real, fake-fake and cross pairs."""
        self._by_rows: dict[str, dict[int, Tensor]] = {"real": {}, "fake": {}, "cross": {}}
        """The same of each row of tiles, by the first of its rows."""
        self.own: dict[str, Tensor] = {}
        """What the pairs of a point with itself add to them."""
        for side, points, held in (("real", real, real_members), ("fake", fake, fake_members)):
            shift = torch.empty_like(points.squares, dtype=torch.float64)
            parts = zip(points.vectors.split(ROWS_AT_ONCE), shift.split(ROWS_AT_ONCE), strict=True)
            for rows, part in parts:
                torch.mv(rows.double(), centre, out=part)
            shift -= square / 2  # x.c - c.c / 2 = a.c + c.c / 2
            self.offsets[side] = (shift / self.d + 0.5).to(dtype)
            self.members[side] = held.to(device, dtype)
            own = ((points.squares.double() + 2 * shift) / self.d + 1).pow(3)
            self.own[side] = self.members[side].square().double() @ own

    def add(self, pairs: str, rows: slice, columns: slice, products: Tensor) -> None:
        """Add a tile of scalar products of centred features [n, m], which is not changed.

        Args:
            pairs: "real", "fake" (tiles on and above the diagonal) or "cross".
        """
        left, right = ("real", "fake") if pairs == "cross" else (pairs, pairs)
        values = torch.add(self.offsets[left][rows, None], products, alpha=1 / self.d)
        values += self.offsets[right][None, columns]
        values.pow_(3)  # (1)
        # A tile off the diagonal of real-real or fake-fake counts for its mirror image too.
        weight = 2.0 if pairs != "cross" and rows != columns else 1.0
        by_column = (self.members[left][:, rows] @ values).double()
        found = weight * (by_column * self.members[right][:, columns]).sum(1)
        before = self._by_rows[pairs].get(rows.start)
        self._by_rows[pairs][rows.start] = found if before is None else before + found

    def gather(self, pairs: str, first_rows: Iterable[int]) -> None:
        """Add up the rows of tiles, those of the other ranks too: in the order of the rows, so that
        the sums are the same to the last bit however many ranks there are."""
        none = torch.zeros_like(self.own["real"])
        rows = torch.stack([self._by_rows[pairs].get(first, none) for first in first_rows])
        self.sums[pairs] = sharing().gathered(rows).sum(0).sum(0)

    def squared_mmds(self) -> tuple[Tensor, float, Tensor]:
        """Unbiased squared MMD, which is KID: within each subset, float64 [100]; of the whole sets;
        of each resample, float64 [b], without pairs of an image with itself."""
        sizes = {side: held.double().sum(1) for side, held in self.members.items()}
        found = -2 * self.sums["cross"] / (sizes["real"] * sizes["fake"])
        for side, size in sizes.items():
            # An image that a resample holds twice does not pair with its own copy either.
            n_pairs = size.square() - self.members[side].double().square().sum(1)
            found += (self.sums[side] - self.own[side]) / n_pairs
        subsets, whole, resamples = found.cpu().split([N_SUBSETS, 1, len(found) - N_SUBSETS - 1])
        return subsets, whole.item(), resamples
