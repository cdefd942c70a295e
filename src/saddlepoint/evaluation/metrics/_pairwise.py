"""All pairs of two sets of features, by tiles: neighbours, balls and kernels in one pass.

Working memory is a few tiles, never n x n. The distances of a tile come from a matrix product,
which is fast but rounds. Where rounding could decide (which neighbour is the k-th, whether a pair
lies within a radius), the distance of that pair is computed again in float64 as a difference of
vectors. So neighbours and counts are those of float64, and equal points have distance exactly 0.

Where several ranks measure `together`, each takes rows of tiles, and all get the same results.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from saddlepoint.core.measures import Comparison
from saddlepoint.core.ranks import sharing
from saddlepoint.core.tensors import exact_float32
from saddlepoint.evaluation.metrics._kernel import KernelSums, members
from saddlepoint.evaluation.metrics._neighbours import (
    Inside,
    Nearest,
    Points,
    certain,
    decide,
)

TILE = 768
"""Rows and columns of a tile on a CPU, where its products take 2.4 MB."""
GPU_TILE = 4096
"""The same on a GPU: 50,000 x 50,000 take 1.9 s there, 14.5 s with TILE (docs/log.md)."""
FLOAT32_LIMIT = 1e10
"""Mean square of the features beyond which the kernel's third power may overflow float32."""
SPARE = 3
"""Candidates beyond the k-th that are kept until float64 has decided. Rounding can swap near
neighbours; if it could have swapped more than these, the pass is done again in float64."""


@dataclass(frozen=True, kw_only=True)
class Pairwise:
    """Results of the pass over all pairs, on the CPU."""

    n_balls: Tensor
    """int64 [n_fake]: how many real images have the fake within their radius."""
    covered: Tensor
    """bool [n_real]: a fake lies within the real image's radius."""
    inside_fake: Tensor
    """bool [n_real]: the real image lies within some fake's radius."""
    realism: Tensor
    """float64 [n_fake]: greatest radius / distance over the real images."""
    kernel: KernelSums


def pairwise(comparison: Comparison) -> Pairwise:
    """The pass over all pairs, done once for all measures of a comparison."""
    return comparison.once("pairwise", lambda: _pairwise(comparison))


@dataclass(frozen=True, kw_only=True)
class RealPairs:
    """Results that depend on the real images alone: a quarter of the pass."""

    radii: Tensor
    """float64 [n_real]: squared distance of each to its k-th nearest neighbour."""
    kernel_sums: Tensor
    """float64 [s]: see KernelSums."""


@torch.no_grad()
def real_pairs(comparison: Comparison) -> RealPairs:
    """The pass over pairs of real images; evaluation/bank.py keeps its result on disk."""
    real, _, kernel = _sides(comparison)
    return _real_pairs(real, kernel, comparison.k)


def _real_pairs(real: Points, kernel: KernelSums, k: int) -> RealPairs:
    squares, _ = neighbours(real, real, k, lambda *tile: kernel.add("real", *tile))
    kernel.gather("real", _first_rows(real))
    return RealPairs(radii=squares[:, -1], kernel_sums=kernel.sums["real"])


def _sides(comparison: Comparison) -> tuple[Points, Points, KernelSums]:
    """Real and fake points, centred at the mean of the real ones, and their empty kernel sums."""
    device, dtype = comparison.device, getattr(torch, comparison.dtype)
    # A product of centred vectors rounds least, as its terms are smallest.
    centre = comparison.real.vectors.mean(0)
    real = Points.of(comparison.real.vectors, centre, device, dtype)
    fake = Points.of(comparison.fake.vectors, centre, device, dtype)
    largest = max(real.squares.max(), fake.squares.max(), real.centre.square().sum())
    # The kernel's (x.y / d + 1)^3 of such features would be infinite in float32.
    if largest > FLOAT32_LIMIT * len(centre):
        real, fake = real.double(), fake.double()
    return real, fake, KernelSums(real, fake, *members(comparison))


@torch.no_grad()
def _pairwise(comparison: Comparison) -> Pairwise:
    k, (real, fake, kernel) = comparison.k, _sides(comparison)
    of_real = comparison.once("pairs-real", lambda: _real_pairs(real, kernel, k))
    real_radii = of_real.radii
    kernel.sums["real"] = of_real.kernel_sums
    fake_radii = neighbours(fake, fake, k, lambda *tile: kernel.add("fake", *tile))[0][:, -1]
    kernel.gather("fake", _first_rows(fake))
    in_real_balls, in_fake_balls = Inside(real, fake, real_radii), Inside(fake, real, fake_radii)
    # Realism ignores the half of the real images with the widest balls (equation 5 of its paper).
    trusted = torch.where(real_radii <= real_radii.median(), real_radii, 0.0).to(real.dtype)
    realism = torch.zeros(len(fake), dtype=real.dtype, device=real_radii.device)
    with exact_float32(real_radii.device):
        for rows, columns, products in _products(real, fake):
            kernel.add("cross", rows, columns, products)
            squares = to_squares(products, real.squares[rows], fake.squares[columns])
            in_real_balls.add(rows, columns, squares)
            in_fake_balls.add(columns, rows, squares.T)
            ratio = trusted[rows, None] / squares.clamp_min(torch.finfo(real.dtype).tiny)
            realism[columns] = torch.maximum(realism[columns], ratio.amax(0))
    kernel.gather("cross", _first_rows(real))
    in_real_balls.gather()
    in_fake_balls.gather()
    realism = sharing().gathered(realism).amax(0)
    return Pairwise(
        n_balls=in_real_balls.column_counts.cpu(),
        covered=in_real_balls.row_any.cpu(),
        inside_fake=in_fake_balls.column_counts.cpu() > 0,
        realism=realism.double().sqrt().cpu(),
        kernel=kernel,
    )


def neighbours(
    rows_of: Points,
    points: Points,
    k: int,
    on_products: Callable[[slice, slice, Tensor], None] | None = None,
) -> tuple[Tensor, Tensor]:
    """The k nearest points of each row, by exact distances.

    Args:
        rows_of, points: when they are the same object, a point is not its own neighbour.
        on_products: called with the rows, columns and scalar products of each tile; when both
            sets are the same, without the tiles below the diagonal.

    Returns:
        float64 [n, k] squared distances in rising order, int64 [n, k] indices.
    """
    own = rows_of is points
    nearest = Nearest(rows_of, k + SPARE)
    with exact_float32(points.vectors.device):
        for rows, columns, products in _products(rows_of, points):
            if on_products is not None:
                on_products(rows, columns, products)
            squares = to_squares(products, rows_of.squares[rows], points.squares[columns])
            if own and rows == columns:
                squares.fill_diagonal_(torch.inf)
            nearest.add(rows, squares, columns.start)
            if own and rows != columns:  # the tile is its own mirror image below the diagonal
                nearest.add(columns, squares.T, rows.start)
    nearest.gather()
    squares, index = decide(nearest, rows_of, points, k)
    sure = rows_of.dtype != torch.float32 or certain(nearest, rows_of, points, squares[:, -1])
    if not sharing().told(sure):
        # Points so close together that rounding hides which is nearest: again in float64.
        more = rows_of.double()
        return neighbours(more, more if own else points.double(), k)
    return squares, index


def _products(left: Points, right: Points) -> Iterator[tuple[slice, slice, Tensor]]:
    """Scalar products of centred features by tiles, in this rank's rows; of a set with itself, on
    and above the diagonal."""
    size = _tile(left)
    # Two buffers for the whole pass: allocating them for each tile costs more than the work.
    left_room, right_room = left.room(size), right.room(size)
    for rows in sharing().dealt(tiles(len(left), size)):
        x = left.centred(rows, left_room)
        for columns in tiles(len(right), size):
            if left is not right or columns.start >= rows.start:
                yield rows, columns, x @ right.centred(columns, right_room).T


def _tile(points: Points) -> int:
    return GPU_TILE if points.vectors.is_cuda else TILE


def _first_rows(points: Points) -> Iterator[int]:
    """Of each row of tiles, the first of its rows."""
    return (rows.start for rows in tiles(len(points), _tile(points)))


def tiles(n: int, size: int) -> Iterator[slice]:
    """Slices of at most `size` that cover range(n)."""
    return (slice(first, min(first + size, n)) for first in range(0, n, size))


def to_squares(products: Tensor, row_squares: Tensor, column_squares: Tensor) -> Tensor:
    """|a|^2 + |b|^2 - 2 a.b for a tile [n, m] of scalar products, which is overwritten."""
    squares = torch.add(column_squares[None, :], products, alpha=-2, out=products)
    return squares.add_(row_squares[:, None])
