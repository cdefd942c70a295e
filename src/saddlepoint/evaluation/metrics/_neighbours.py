"""Nearest neighbours and balls, from tiles of rough squared distances and exact second looks."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import pad

ROUNDING = {torch.float32: 1e-5, torch.float64: 1e-13}
"""Bound on the error of a rough squared distance, as a share of |a|^2 + |b|^2 (tests/unit/
test_pairwise.py measures it)."""
ROWS_AT_ONCE = 64
"""Of float64 copies: few enough that these stay in the processor's cache."""
BLOCK = 64
"""Columns of a tile that are passed by together when none of them is near enough."""


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

    def room(self, n: int) -> Tensor:
        """[n, d] for `centred` to write to: fresh memory for each tile is dearer than the work."""
        n = min(n, len(self))
        return torch.empty(n, len(self.centre), dtype=self.dtype, device=self.vectors.device)

    def centred(self, rows: slice, room: Tensor) -> Tensor:
        """[len(rows), d] in the dtype of the products; valid until `room` is used again."""
        out = room[: rows.stop - rows.start]
        return torch.sub(self.vectors[rows], self.centre.to(self.dtype), out=out)

    def double(self) -> Points:
        """The same points with products in float64."""
        return Points.of(self.vectors, self.centre, str(self.centre.device), torch.float64)


def exact_squares(a: Points, a_rows: Tensor, b: Points, b_rows: Tensor) -> Tensor:
    """Squared distances of the pairs (a_rows[i], b_rows[i]), by differences in float64 -> [m]."""
    # Written in place: a list of small results would keep the large copies' memory in pieces.
    squares = torch.empty(len(a_rows), dtype=torch.float64, device=a.vectors.device)
    for first in range(0, len(a_rows), ROWS_AT_ONCE):
        pairs = slice(first, first + ROWS_AT_ONCE)
        gap = a.vectors.index_select(0, a_rows[pairs]).double()
        gap -= b.vectors.index_select(0, b_rows[pairs])
        torch.sum(gap.square_(), 1, out=squares[pairs])
    return squares


def below(squares: Tensor, limits: Tensor) -> tuple[Tensor, Tensor]:
    """Rows and columns, in no order, where a tile [n, m] is less than the limit of its row [n].

    Few pairs of a tile are, so the least of each block of columns is asked first.
    """
    if squares.shape[1] % BLOCK:
        squares = pad(squares, (0, -squares.shape[1] % BLOCK), value=torch.inf)
    # With the blocks first, the least of them is found as fast in a transposed tile as in any.
    blocks = squares.unflatten(1, (-1, BLOCK)).transpose(0, 1)
    block, i = (blocks.amin(2) < limits).nonzero(as_tuple=True)
    at, j = (blocks[block, i] < limits[i, None]).nonzero(as_tuple=True)
    return i[at], block[at] * BLOCK + j


class Nearest:
    """The k nearest of a growing set of points to each of n rows, by rough distances."""

    def __init__(self, rows: Points, k: int) -> None:
        self.rows = rows
        shape, device = (len(rows), k), rows.squares.device
        self.squares = torch.full(shape, torch.inf, dtype=rows.dtype, device=device)
        self.index = torch.zeros(shape, dtype=torch.int64, device=device)

    def add(self, rows: slice, squares: Tensor, first_index: int) -> None:
        """Rough squared distances [len(rows), m] to the points first_index, first_index + 1, ..."""
        farthest = self.squares[rows, -1]
        if not farthest.isfinite().all():  # fewer than k points were seen until now
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
        place = torch.arange(len(i), device=i.device) - (counts.cumsum(0) - counts)[i]
        near = squares.new_full((len(squares), int(counts.max())), torch.inf)
        index = torch.zeros_like(near, dtype=torch.int64)
        near[i, place], index[i, place] = squares[i, j], j + first_index
        self._keep(rows, near, index)

    def merge(self, other: Nearest) -> None:
        """Take in what another process found in its tiles."""
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
        # Never 0: a distance of 0 has to be below a radius of 0 and the slack.
        least = torch.finfo(rows.dtype).tiny
        self.slack = (ROUNDING[rows.dtype] * greatest.double()).clamp_min(least)

    def add(self, rows: slice, columns: slice, squares: Tensor) -> None:
        """Rough squared distances of a tile, [len(rows), len(columns)]; left as they are."""
        radii = self.radii[columns if self.of_columns else rows]
        limits = (radii + self.slack).to(squares.dtype)
        if self.of_columns:
            j, i = below(squares.T, limits)
        else:
            i, j = below(squares, limits)
        rough = squares[i, j].double()
        i, j = i + rows.start, j + columns.start
        own = self.radii[j if self.of_columns else i]
        inside = rough <= own - self.slack
        doubtful = (~inside).nonzero()[:, 0]
        exact = exact_squares(self.rows, i[doubtful], self.columns, j[doubtful])
        inside[doubtful] = exact <= own[doubtful]
        self.row_any[i[inside]] = True
        self.column_counts += j[inside].bincount(minlength=len(self.columns))

    def merge(self, other: Inside) -> None:
        """Take in what another process found in its tiles."""
        self.row_any |= other.row_any
        self.column_counts += other.column_counts


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
