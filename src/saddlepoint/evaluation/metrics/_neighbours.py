"""Nearest neighbours and balls: rough distances by tiles, exact where rounding could decide."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import pad

from saddlepoint.core.ranks import sharing

ROUNDING = {torch.float32: 1e-5, torch.float64: 1e-13}
"""Bound on the error of a rough squared distance, relative to |a|^2 + |b|^2; measured by
tests/unit/test_pairwise.py."""
ROWS_AT_ONCE = 64
"""Rows copied to float64 at once: few enough to stay in the processor's cache."""
BLOCK = 64
"""Columns of a tile that are skipped together when none of them is near enough."""


@dataclass(frozen=True, kw_only=True)
class Points:
    """Features, and the centre they are moved by so that matrix products of them round least."""

    vectors: Tensor
    """float32 [n, d], as the extractor returned them."""
    centre: Tensor
    """float64 [d]: the mean of the real features rounded to float32, so that subtracting it from
    float32 features rounds only once."""
    squares: Tensor
    """float [n]: squared norms of the centred vectors."""

    @classmethod
    def of(cls, vectors: Tensor, centre: Tensor, device: str, dtype: torch.dtype) -> Points:
        """Features float32 [n, d] around a centre float [d], moved to `device`; the norms are
        summed in float64 and kept as `dtype`."""
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

    def room(self, n: int) -> Tensor:
        """[n, d] for `centred` to write to; allocating it for each tile would take longer than the
        subtraction."""
        n = min(n, len(self))
        return torch.empty(n, len(self.centre), dtype=self.dtype, device=self.vectors.device)

    def centred(self, rows: slice, room: Tensor) -> Tensor:
        """[len(rows), d] in the dtype of the products, written to `room`."""
        out = room[: rows.stop - rows.start]
        return torch.sub(self.vectors[rows], self.centre.to(self.dtype), out=out)

    def double(self) -> Points:
        """The same points, for products in float64."""
        return Points.of(self.vectors, self.centre, str(self.centre.device), torch.float64)


def exact_squares(a: Points, a_rows: Tensor, b: Points, b_rows: Tensor) -> Tensor:
    """Squared distances of the pairs (a_rows[i], b_rows[i]) by differences in float64: [m]."""
    # Written in place: a list of small results would fragment the memory of the large copies.
    squares = torch.empty(len(a_rows), dtype=torch.float64, device=a.vectors.device)
    for first in range(0, len(a_rows), ROWS_AT_ONCE):
        pairs = slice(first, first + ROWS_AT_ONCE)
        gap = a.vectors.index_select(0, a_rows[pairs]).double()
        gap -= b.vectors.index_select(0, b_rows[pairs])
        torch.sum(gap.square_(), 1, out=squares[pairs])
    return squares


def below(squares: Tensor, limits: Tensor) -> tuple[Tensor, Tensor]:
    """Rows and columns, in no order, where a tile [n, m] is less than the limit of its row [n].

    Few pairs are, so the minimum of each block of columns is compared first.
    """
    if squares.shape[1] % BLOCK:
        squares = pad(squares, (0, -squares.shape[1] % BLOCK), value=torch.inf)
    # With the blocks as first axis, the minimum is as fast for a transposed tile.
    blocks = squares.unflatten(1, (-1, BLOCK)).transpose(0, 1)
    block, i = (blocks.amin(2) < limits).nonzero(as_tuple=True)
    at, j = (blocks[block, i] < limits[i, None]).nonzero(as_tuple=True)
    return i[at], block[at] * BLOCK + j


class Nearest:
    """The k points nearest to each of n rows so far, by rough distances."""

    def __init__(self, rows: Points, k: int) -> None:
        self.rows = rows
        shape, device = (len(rows), k), rows.squares.device
        self.squares = torch.full(shape, torch.inf, dtype=rows.dtype, device=device)
        self.index = torch.zeros(shape, dtype=torch.int64, device=device)

    def add(self, rows: slice, squares: Tensor, first_index: int) -> None:
        """Take rough squared distances [len(rows), m] to the points from `first_index` on."""
        farthest = self.squares[rows, -1]
        if not farthest.isfinite().all():  # fewer than k points so far
            k = min(self.squares.shape[1], squares.shape[1])
            near, index = squares.topk(k, largest=False)
            self._keep(rows, near, index + first_index)
            return
        i, j = below(squares, farthest)
        if not len(i):
            return
        i, order = i.sort()
        j = j[order]
        counts = i.bincount(minlength=len(squares))
        # The hits of a row, side by side: [n, most hits of a row], filled up with infinity.
        place = torch.arange(len(i), device=i.device) - (counts.cumsum(0) - counts)[i]
        near = squares.new_full((len(squares), int(counts.max())), torch.inf)
        index = torch.zeros_like(near, dtype=torch.int64)
        near[i, place], index[i, place] = squares[i, j], j + first_index
        self._keep(rows, near, index)

    def gather(self) -> None:
        """Take in what the other ranks have found."""
        near, index = sharing().gathered(self.squares), sharing().gathered(self.index)
        near, index = near.movedim(0, 1).flatten(1), index.movedim(0, 1).flatten(1)
        self.squares, order = near.topk(self.squares.shape[1], largest=False)
        self.index = index.gather(1, order)

    def _keep(self, rows: slice, squares: Tensor, index: Tensor) -> None:
        # The k best so far and the new ones compete for the k places.
        both = torch.cat([self.squares[rows], squares], 1)
        names = torch.cat([self.index[rows], index], 1)
        self.squares[rows], order = both.topk(self.squares.shape[1], largest=False)
        self.index[rows] = names.gather(1, order)


def decide(nearest: Nearest, rows: Points, points: Points, k: int) -> tuple[Tensor, Tensor]:
    """The k nearest points of each row among the candidates, by exact distances.

    Returns:
        float64 [n, k] squared distances in rising order, int64 [n, k] indices.
    """
    rough = nearest.squares.double()
    # A candidate farther than the k-th by twice the rounding error cannot be among the k.
    limit = rough[:, k - 1] + 2 * _slack(rows, points)
    i, j = ((rough <= limit[:, None]) & rough.isfinite()).nonzero(as_tuple=True)
    exact = torch.full_like(rough, torch.inf)
    exact[i, j] = exact_squares(rows, i, points, nearest.index[i, j])
    values, order = exact.topk(k, largest=False)
    return values, nearest.index.gather(1, order)


def certain(nearest: Nearest, rows: Points, points: Points, farthest: Tensor) -> bool:
    """True when rounding cannot have kept a nearer point out of the candidates.

    Args:
        farthest: float64 [n]: exact squared distance of the k-th neighbour.
    """
    # A point that is not a candidate has at least the rough distance of the last candidate.
    last = nearest.squares[:, -1].double()
    return bool((farthest <= last - _slack(rows, points)).all())


def _slack(rows: Points, points: Points) -> Tensor:
    """Bound on the error of the rough squared distances from each row, float64 [n]."""
    return ROUNDING[rows.dtype] * (rows.squares + points.squares.max()).double()


class Inside:
    """Which column points lie within the radius of which row points.

    A pair at exactly the radius is inside, as in the code of Kynkäänniemi et al.
    """

    def __init__(self, rows: Points, columns: Points, radii: Tensor) -> None:
        """radii: float64 [rows], squared."""
        self.rows, self.columns, self.radii = rows, columns, radii
        device = rows.squares.device
        self.row_any = torch.zeros(len(rows), dtype=torch.bool, device=device)
        self.column_counts = torch.zeros(len(columns), dtype=torch.int64, device=device)
        # One bound for all pairs, so that a tile needs one comparison with its row's limit.
        greatest = rows.squares.max() + columns.squares.max()
        # Above 0, so that a distance of 0 is below a radius of 0 plus the slack.
        least = torch.finfo(rows.dtype).tiny
        self.slack = (ROUNDING[rows.dtype] * greatest.double()).clamp_min(least)

    def add(self, rows: slice, columns: slice, squares: Tensor) -> None:
        """Take a tile of rough squared distances [len(rows), len(columns)]; it is not changed."""
        i, j = below(squares, (self.radii[rows] + self.slack).to(squares.dtype))
        rough = squares[i, j].double()
        i, j = i + rows.start, j + columns.start
        own = self.radii[i]
        # Well inside whatever the rounding; all others are computed again in float64.
        inside = rough <= own - self.slack
        doubtful = (~inside).nonzero()[:, 0]
        exact = exact_squares(self.rows, i[doubtful], self.columns, j[doubtful])
        inside[doubtful] = exact <= own[doubtful]
        self.row_any[i[inside]] = True
        self.column_counts += j[inside].bincount(minlength=len(self.columns))

    def gather(self) -> None:
        """Take in what the other ranks have found."""
        self.row_any = sharing().gathered(self.row_any.byte()).amax(0).bool()
        self.column_counts = sharing().gathered(self.column_counts).sum(0)
