"""All pairs of two sets of features, by tiles: neighbours, balls and kernels in one pass.

Working memory is a few tiles, never n x n. The distances of a tile come from a matrix product,
which is fast but rounds. Where rounding could decide (which neighbour is the k-th, whether a pair
lies within a radius), the distance of that pair is computed again in float64 as a difference of
vectors. So neighbours and counts are those of float64, and equal points have distance exactly 0.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from saddlepoint.core.measures import Comparison
from saddlepoint.evaluation.metrics._kernel import KernelSums, members
from saddlepoint.evaluation.metrics._neighbours import (
    Inside,
    Nearest,
    Points,
    certain,
    decide,
    full_float32,
)

TILE = 768
"""Rows and columns of a tile."""
FLOAT32_LIMIT = 1e10
"""Mean square of the features beyond which the kernel's third power may overflow float32."""
SPARE = 3
"""Candidates beyond the k-th that are kept until float64 has decided."""


@dataclass(frozen=True, kw_only=True)
class Pairwise:
    """Results of the pass over all pairs, on the CPU."""

    real_radii: Tensor
    """float64 [n_real]: squared distance of each real image to its k-th nearest real neighbour."""
    fake_radii: Tensor
    """float64 [n_fake]: the same among the fakes."""
    n_balls: Tensor
    """int64 [n_fake]: how many real images have the fake within their radius."""
    covered: Tensor
    """bool [n_real]: a fake lies within the real image's radius."""
    inside_fake: Tensor
    """bool [n_real]: the real image lies within some fake's radius."""
    nearest_real: Tensor
    """int64 [n_fake]: the real image nearest to each fake."""
    nearest_squares: Tensor
    """float64 [n_fake]: its squared distance."""
    realism: Tensor
    """float64 [n_fake]: greatest radius / distance over the real images."""
    kernel: KernelSums


def pairwise(comparison: Comparison) -> Pairwise:
    """The pass over all pairs, done once for all measures of a comparison."""
    return comparison.once("pairwise", lambda: _pairwise(comparison))


def too_few_neighbours(comparison: Comparison) -> str:
    """Why there are no radii, or "" when each image has a k-th neighbour."""
    smallest = min(len(comparison.real), len(comparison.fake))
    return "" if smallest > comparison.k else f"needs more than k = {comparison.k} images a side"


@dataclass(frozen=True, kw_only=True)
class RealPairs:
    """Results that depend on the real images alone: a quarter of the pass."""

    radii: Tensor
    """float64 [n_real]: squared distance of each to its k-th nearest neighbour."""
    kernel_sums: Tensor
    """float64 [s]: see KernelSums."""


def real_pairs(comparison: Comparison) -> RealPairs:
    """The pass over pairs of real images, done once; evaluation/kept.py keeps it on disk."""

    def make() -> RealPairs:
        real, _, kernel = _sides(comparison)
        return _real_pairs(real, kernel, comparison.k)

    return comparison.once("pairs-real", make)


@torch.no_grad()
def _real_pairs(real: Points, kernel: KernelSums, k: int) -> RealPairs:
    squares, _ = neighbours(real, real, k, lambda *tile: kernel.add("real", *tile))
    return RealPairs(radii=squares[:, -1], kernel_sums=kernel.sums["real"])


def _sides(comparison: Comparison) -> tuple[Points, Points, KernelSums]:
    """Real and fake points, centred at the mean of the real ones, and their empty kernel sums."""
    device, dtype = comparison.device, getattr(torch, comparison.dtype)
    centre = comparison.real.vectors.mean(0)
    real = Points.of(comparison.real.vectors, centre, device, dtype)
    fake = Points.of(comparison.fake.vectors, centre, device, dtype)
    largest = max(real.squares.max(), fake.squares.max(), real.centre.square().sum())
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
    by_real = Inside(real, fake, real_radii)
    by_fake = Inside(real, fake, fake_radii, of_columns=True)
    # Realism ignores the half of the real images with the widest balls (equation 5 of its paper).
    trusted = torch.where(real_radii <= real_radii.median(), real_radii, 0.0).to(real.dtype)
    realism = torch.zeros(len(fake), dtype=real.dtype, device=real_radii.device)

    def cross(columns: slice, rows: slice, products: Tensor) -> None:
        kernel.add("cross", rows, columns, products.T)

    def balls(columns: slice, rows: slice, squares: Tensor) -> None:
        by_real.add(rows, columns, squares.T)
        by_fake.add(rows, columns, squares.T)
        ratio = trusted[None, rows] / squares.clamp_min(torch.finfo(real.dtype).tiny)
        realism[columns] = torch.maximum(realism[columns], ratio.amax(1))

    nearest_squares, nearest_real = neighbours(fake, real, 1, cross, balls)
    return Pairwise(
        real_radii=real_radii.cpu(),
        fake_radii=fake_radii.cpu(),
        n_balls=by_real.column_counts.cpu(),
        covered=by_real.row_any.cpu(),
        inside_fake=by_fake.row_any.cpu(),
        nearest_real=nearest_real[:, 0].cpu(),
        nearest_squares=nearest_squares[:, 0].cpu(),
        realism=realism.double().sqrt().cpu(),
        kernel=kernel,
    )


_OnTile = Callable[[slice, slice, Tensor], None]


def neighbours(
    rows_of: Points,
    points: Points,
    k: int,
    on_products: _OnTile | None = None,
    on_squares: _OnTile | None = None,
) -> tuple[Tensor, Tensor]:
    """The k nearest points of each row, by exact distances.

    Args:
        rows_of, points: when they are the same object, a point is not its own neighbour, and a
            tile is visited once for itself and its mirror image.
        on_products: called with the rows, columns and scalar products of each tile.
        on_squares: called with the rows, columns and rough squared distances of each tile.

    Returns:
        float64 [n, k] squared distances in rising order, int64 [n, k] indices.
    """
    own = rows_of is points
    nearest = Nearest(rows_of, k + SPARE)
    _visit(nearest, points, on_products, on_squares)
    squares, index = decide(nearest, rows_of, points, k)
    if rows_of.dtype == torch.float32 and not certain(nearest, rows_of, points, squares[:, -1]):
        # Points so close together that rounding hides which is nearest: again in float64.
        more = rows_of.double()
        return neighbours(more, more if own else points.double(), k)
    return squares, index


def _visit(
    nearest: Nearest, points: Points, on_products: _OnTile | None, on_squares: _OnTile | None
) -> None:
    """Pass every tile to `nearest` and to the two callbacks."""
    rows_of = nearest.rows
    own = rows_of is points
    left_room, right_room = rows_of.room(TILE), points.room(TILE)
    with full_float32():
        for rows in tiles(len(rows_of)):
            left = rows_of.centred(rows, left_room)
            for columns in tiles(len(points)):
                if own and columns.start < rows.start:
                    continue  # the mirror image of a tile visited before
                products = left @ points.centred(columns, right_room).T
                if on_products is not None:
                    on_products(rows, columns, products)
                squares = to_squares(products, rows_of.squares[rows], points.squares[columns])
                if own and rows == columns:  # no point is its own neighbour
                    squares.fill_diagonal_(torch.inf)
                if on_squares is not None:
                    on_squares(rows, columns, squares)
                nearest.add(rows, squares, columns.start)
                if own and rows != columns:
                    nearest.add(columns, squares.T, rows.start)


def tiles(n: int, size: int | None = None) -> Iterator[slice]:
    """Slices of at most `size` (default TILE) that cover range(n)."""
    size = size or TILE
    return (slice(first, min(first + size, n)) for first in range(0, n, size))


def to_squares(products: Tensor, row_squares: Tensor, column_squares: Tensor) -> Tensor:
    """|a|^2 + |b|^2 - 2 a.b for a tile [n, m] of scalar products, which is overwritten."""
    squares = torch.add(column_squares[None, :], products, alpha=-2, out=products)
    return squares.add_(row_squares[:, None])
