"""Nearest neighbours and balls, from tiles of rough squared distances and exact second looks."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

ROUNDING = {torch.float32: 1e-5, torch.float64: 1e-13}
"""Bound on the error of a rough squared distance, as a share of |a|^2 + |b|^2 (tests/unit/
test_pairwise.py measures it)."""
ROWS_AT_ONCE = 64
"""Of float64 copies: few enough that these stay in the processor's cache."""


@dataclass(frozen=True, kw_only=True)
class Points:
    """Features as they are, and moved by a centre where a matrix product of them rounds least."""

    vectors: Tensor
    """float32 [n, d], as the extractor gave them."""
    centre: Tensor
    """float64 [d]: about the mean of the real features, but with the digits of float32 only, so
    that float32 features move by it with a single rounding."""
    squares: Tensor
    """float [n]: squared norms of the centred vectors."""

    @classmethod
    def of(cls, vectors: Tensor, centre: Tensor, device: str, dtype: torch.dtype) -> Points:
        vectors, centre = vectors.to(device), centre.float().double().to(device)
        squares = torch.empty(len(vectors), dtype=torch.float64, device=device)
        for rows, part in zip(
            vectors.split(ROWS_AT_ONCE), squares.split(ROWS_AT_ONCE), strict=True
        ):
            torch.sum(rows.double().sub_(centre).square_(), 1, out=part)
        return cls(vectors=vectors, centre=centre, squares=squares.to(dtype))

    def __len__(self) -> int:
        return len(self.vectors)

    @property
    def dtype(self) -> torch.dtype:
        return self.squares.dtype

    def centred(self, rows: slice) -> Tensor:
        """[len(rows), d] in the dtype of the products."""
        return self.vectors[rows].to(self.dtype) - self.centre.to(self.dtype)

    def double(self) -> Points:
        """The same points with products in float64."""
        return Points.of(self.vectors, self.centre, str(self.centre.device), torch.float64)


def exact_squares(a: Points, a_rows: Tensor, b: Points, b_rows: Tensor) -> Tensor:
    """Squared distances of the pairs (a_rows[i], b_rows[i]), by differences in float64 -> [m]."""
    # Written in place: a list of small results would keep the large copies' memory in pieces.
    squares = torch.empty(len(a_rows), dtype=torch.float64, device=a.vectors.device)
    for first in range(0, len(a_rows), ROWS_AT_ONCE):
        pairs = slice(first, first + ROWS_AT_ONCE)
        gap = a.vectors[a_rows[pairs]].double().sub_(b.vectors[b_rows[pairs]])
        torch.sum(gap.square_(), 1, out=squares[pairs])
    return squares


class Nearest:
    """The k nearest of a growing set of points to each of n rows, by rough distances.

    Two of them that saw different points can be merged: the points may lie on several machines.
    """

    def __init__(self, rows: Points, k: int) -> None:
        shape, device = (len(rows), k), rows.squares.device
        self.squares = torch.full(shape, torch.inf, dtype=rows.dtype, device=device)
        self.index = torch.zeros(shape, dtype=torch.int64, device=device)

    def add(self, rows: slice, squares: Tensor, first_index: int) -> None:
        """Rough squared distances [len(rows), m] to the points first_index, first_index + 1, ..."""
        k = min(self.squares.shape[1], squares.shape[1])
        near, index = squares.topk(k, largest=False)
        self._keep(rows, near, index + first_index)

    def merge(self, other: Nearest) -> None:
        """Take in what another process found among its points."""
        self._keep(slice(None), other.squares, other.index)

    def _keep(self, rows: slice, squares: Tensor, index: Tensor) -> None:
        both = torch.cat([self.squares[rows], squares], 1)
        names = torch.cat([self.index[rows], index], 1)
        self.squares[rows], order = both.topk(self.squares.shape[1], largest=False)
        self.index[rows] = names.gather(1, order)


def decide(nearest: Nearest, rows: Points, points: Points, k: int) -> tuple[Tensor, Tensor]:
    """The k nearest of each row, out of the candidates, by exact distances.

    Returns:
        float64 [n, k] squared distances in rising order, int64 [n, k] indices.
    """
    rough = nearest.squares.double()
    # A candidate that is farther than the k-th by twice the rounding is not one of the k.
    limit = rough[:, k - 1] + 2 * _slack(rows, points)
    i, j = ((rough <= limit[:, None]) & rough.isfinite()).nonzero(as_tuple=True)
    exact = torch.full_like(rough, torch.inf)
    exact[i, j] = exact_squares(rows, i, points, nearest.index[i, j])
    values, order = exact.topk(k, largest=False)
    return values, nearest.index.gather(1, order)


def certain(nearest: Nearest, rows: Points, points: Points, farthest: Tensor) -> bool:
    """True when no rounding can have kept a nearer point out of the candidates.

    Args:
        farthest: float64 [n]: exact squared distance of the farthest neighbour that was kept.
    """
    # Every point that is no candidate is at a rough distance of at least the last candidate's.
    last = nearest.squares[:, -1].double()
    return bool((farthest <= last - _slack(rows, points)).all())


def _slack(rows: Points, points: Points) -> Tensor:
    """Bound on the error of a rough squared distance from each row, float64 [n]."""
    return ROUNDING[rows.dtype] * (rows.squares + points.squares.max()).double()


class Inside:
    """Which pairs (row point, column point) lie within the radius of one of the two.

    A pair on the very border (distance = radius) is inside, as in the paper's own code.
    """

    def __init__(
        self, rows: Points, columns: Points, radii: Tensor, of_columns: bool = False
    ) -> None:
        """radii: float64, squared, one for each row point, or for each column point."""
        self.rows, self.columns = rows, columns
        self.radii, self.of_columns = radii, of_columns
        device = rows.squares.device
        self.row_any = torch.zeros(len(rows), dtype=torch.bool, device=device)
        self.column_counts = torch.zeros(len(columns), dtype=torch.int64, device=device)
        greatest = rows.squares.max() + columns.squares.max()
        self.slack = ROUNDING[rows.dtype] * greatest.double()

    def add(self, rows: slice, columns: slice, squares: Tensor) -> None:
        """Rough squared distances of a tile, [len(rows), len(columns)]; left as they are."""
        radii = self.radii[columns][None, :] if self.of_columns else self.radii[rows][:, None]
        inside = squares <= (radii - self.slack).to(squares.dtype)
        possible = squares <= (radii + self.slack).to(squares.dtype)
        possible ^= inside
        # Few rows have such a pair, and to look for them first is cheaper.
        i = possible.any(1).nonzero()[:, 0]
        at, j = possible[i].nonzero(as_tuple=True)
        i = i[at]
        if len(i):
            exact = exact_squares(self.rows, i + rows.start, self.columns, j + columns.start)
            own = self.radii[(j + columns.start) if self.of_columns else (i + rows.start)]
            inside[i, j] = exact <= own
        self.row_any[rows] |= inside.any(1)
        self.column_counts[columns] += inside.sum(0)


@contextlib.contextmanager
def full_float32() -> Iterator[None]:
    """Matrix products without TF32: its 10 bits are not enough for distances."""
    matmul = torch.backends.cuda.matmul
    # PyTorch 2.9 and newer name the precision, and forbid to mix that with the older flag.
    name, exact = (
        ("fp32_precision", "ieee")
        if hasattr(matmul, "fp32_precision")
        else (
            "allow_tf32",
            False,
        )
    )
    before = getattr(matmul, name)
    setattr(matmul, name, exact)
    try:
        yield
    finally:
        setattr(matmul, name, before)
