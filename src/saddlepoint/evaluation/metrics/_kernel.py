"""Sums of KID's polynomial kernel over all pairs, taken from the tiles of the pairwise pass."""

from __future__ import annotations

import torch
from torch import Tensor

from saddlepoint.core.measures import Comparison
from saddlepoint.core.randomness import derive_seed
from saddlepoint.evaluation.metrics._neighbours import ROWS_AT_ONCE, Points

N_SUBSETS, SUBSET_SIZE = 100, 1000


def subsets(comparison: Comparison) -> tuple[Tensor, Tensor]:
    """Membership of the subsets of real and fake images: float32 [s, n_real], [s, n_fake].

    100 subsets of 1,000 (or of the smaller set, when that has fewer), without replacement; a
    function of the seed and the two sizes.
    """
    sizes = (len(comparison.real), len(comparison.fake))
    size = min(SUBSET_SIZE, *sizes)
    generator = torch.Generator().manual_seed(derive_seed(comparison.seed, "kid-subsets", 0))
    members = []
    for n in sizes:
        member = torch.zeros(N_SUBSETS, n)
        for row in member:
            row[torch.randperm(n, generator=generator)[:size]] = 1
        members.append(member)
    return members[0], members[1]


class KernelSums:
    """(x.y / d + 1)^3 summed over the pairs real-real, fake-fake (each without a point and itself)
    and real-fake, and over the pairs within each subset.

    The pass gives scalar products of centred features; the kernel is one of the features as they
    are, so x.y = a.b + a.c + b.c + c.c with a = x - c, b = y - c and c the centre.
    """

    def __init__(
        self,
        real: Points,
        fake: Points,
        real_members: Tensor,
        fake_members: Tensor,
    ) -> None:
        """members float32 [s, n] of 0 and 1."""
        self.d = len(real.centre)
        self.subset_size = int(real_members[0].sum())
        dtype, device = real.dtype, real.squares.device
        centre = real.centre
        square = centre.square().sum()
        # x.y / d + 1 of a pair is the product of the centred vectors / d + one number of each.
        self.offsets: dict[str, Tensor] = {}
        self.members: dict[str, Tensor] = {}
        # float64 [s + 1] of real-real, fake-fake and cross pairs: the last is that of all points.
        self.sums: dict[str, Tensor] = {}
        self.own: dict[str, Tensor] = {}  # of each point and itself, which the sums hold too
        for side, points, members in (("real", real, real_members), ("fake", fake, fake_members)):
            shift = torch.empty_like(points.squares, dtype=torch.float64)
            parts = zip(points.vectors.split(ROWS_AT_ONCE), shift.split(ROWS_AT_ONCE), strict=True)
            for rows, part in parts:
                torch.mv(rows.double(), centre, out=part)
            shift -= square / 2
            self.offsets[side] = (shift / self.d + 0.5).to(dtype)
            everyone = torch.ones(1, len(points))
            self.members[side] = torch.cat([members, everyone]).to(device, dtype)
            own = ((points.squares.double() + 2 * shift) / self.d + 1).pow(3)
            self.own[side] = self.members[side].double() @ own
        for pairs in ("real", "fake", "cross"):
            self.sums[pairs] = torch.zeros_like(self.own["real"])
        self.counts = {"real": len(real), "fake": len(fake)}

    def add(self, pairs: str, rows: slice, columns: slice, products: Tensor) -> None:
        """Add a tile of scalar products of centred features [n, m]; left as they are.

        Args:
            pairs: "real", "fake" (tiles on and above the diagonal) or "cross".
        """
        left, right = ("real", "fake") if pairs == "cross" else (pairs, pairs)
        values = torch.add(self.offsets[left][rows, None], products, alpha=1 / self.d)
        values += self.offsets[right][None, columns]
        values.pow_(3)
        weight = 2.0 if pairs != "cross" and rows != columns else 1.0
        by_column = (self.members[left][:, rows] @ values).double()
        self.sums[pairs] += weight * (by_column * self.members[right][:, columns]).sum(1)

    def merge(self, other: KernelSums) -> None:
        """Take in the tiles that another process added, of the same sets and subsets."""
        for pairs, sums in other.sums.items():
            self.sums[pairs] += sums

    def squared_mmd(self) -> float:
        """Unbiased squared MMD of all pairs (KID of the whole sets)."""
        n, m = self.counts["real"], self.counts["fake"]
        value = (
            self._within("real")[-1] / (n * (n - 1))
            + self._within("fake")[-1] / (m * (m - 1))
            - 2 * self.sums["cross"][-1] / (n * m)
        )
        return value.item()

    def subset_mmds(self) -> Tensor:
        """Unbiased squared MMD within each subset, float64 [100]."""
        m = self.subset_size
        within = (self._within("real") + self._within("fake")) / (m * (m - 1))
        return (within - 2 * self.sums["cross"] / m**2)[:-1].cpu()

    def _within(self, side: str) -> Tensor:
        return self.sums[side] - self.own[side]
