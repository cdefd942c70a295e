"""The exact Wasserstein distance of two equally large samples, by the best pairing of points."""

from __future__ import annotations

import numpy as np


def wasserstein(a: np.ndarray, b: np.ndarray) -> float:
    """The Wasserstein-1 distance of two samples of equal size, exactly: the mean length of the
    pairs, over the pairing that makes it least.

    Args:
        a, b: float [n, d]; n of about 128 takes some hundredths of a second.

    Raises:
        ValueError: samples of different sizes.
    """
    if len(a) != len(b):
        raise ValueError(f"{len(a)} and {len(b)} points; the same number is needed")
    cost = np.linalg.norm(a[:, None].astype(np.float64) - b[None].astype(np.float64), axis=2)
    return float(cost[np.arange(len(a)), pairing(cost)].mean())


def pairing(cost: np.ndarray) -> np.ndarray:
    """The column of each row in the cheapest perfect pairing, int64 [n]; cost float64 [n, n].

    Each row that is still alone finds the shortest path, in reduced costs, to a column without a
    row, and the pairs along it change over.
    Paper: Jonker & Volgenant 1987, https://doi.org/10.1007/BF02278710, without its reduction of
    rows, which pays off only for larger n.
    """
    n = len(cost)
    price = cost.min(axis=0)  # of columns; no reduced cost is ever negative
    row_of, column_of = np.full(n, -1), np.full(n, -1)
    for row, column in enumerate((cost - price).argmin(axis=1)):
        if row_of[column] < 0:
            row_of[column], column_of[row] = row, column
    for row in np.flatnonzero(column_of < 0):
        _augment(cost, price, row_of, column_of, int(row))
    return column_of


def _augment(
    cost: np.ndarray, price: np.ndarray, row_of: np.ndarray, column_of: np.ndarray, start: int
) -> None:
    """Give the row `start` a column, along the shortest path (Dijkstra); changes the arrays."""
    distance = cost[start] - price
    before = np.full(len(cost), start)  # the row from which each column is reached
    ahead = distance.copy()  # as `distance`, without the columns whose path is settled
    settled: list[int] = []
    while True:
        column = int(ahead.argmin())
        length = distance[column]
        if row_of[column] < 0:
            break
        settled.append(column)
        ahead[column] = np.inf
        row = row_of[column]
        through = cost[row] - price
        through += length - through[column]
        shorter = through < ahead
        shorter[settled] = False
        np.copyto(distance, through, where=shorter)
        np.copyto(ahead, through, where=shorter)
        before[shorter] = row
    price[settled] += distance[settled] - length
    while True:
        row = before[column]
        row_of[column] = row
        column, column_of[row] = column_of[row], column
        if row == start:
            return
