"""Mean and covariance of features, and the Fréchet distance of two of them. All float64."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

ROWS_AT_ONCE = 1024
COLUMNS_AT_ONCE = 256


@dataclass(frozen=True, kw_only=True)
class Moments:
    """Sums over features. Those of two parts of a set add up to those of the set."""

    n: float
    """Number of images (or the sum of their weights)."""
    total: Tensor
    """float64 [d]: sum of x."""
    products: Tensor
    """float64 [d, d]: sum of x x^T."""
    known_root: Tensor | None = None
    """`root`, when it was kept from an earlier time."""

    @classmethod
    def of(cls, vectors: Tensor, weights: Tensor | None = None, device: str = "cpu") -> Moments:
        """vectors float32 [n, d]; weights [n] >= 0, by default 1 each."""
        d = vectors.shape[1]
        total = torch.zeros(d, dtype=torch.float64, device=device)
        products = torch.zeros(d, d, dtype=torch.float64, device=device)
        w = torch.ones(len(vectors)) if weights is None else weights
        for rows, shares in zip(vectors.split(ROWS_AT_ONCE), w.split(ROWS_AT_ONCE), strict=True):
            x = rows.to(device).double()
            weighted = x if weights is None else x * shares.to(device).double()[:, None]
            total += weighted.sum(0)
            for first in range(0, d, COLUMNS_AT_ONCE):  # on and above the diagonal
                block = slice(first, first + COLUMNS_AT_ONCE)
                products[block, first:].addmm_(x[:, block].T, weighted[:, first:])
        for first in range(COLUMNS_AT_ONCE, d, COLUMNS_AT_ONCE):
            block = slice(first, first + COLUMNS_AT_ONCE)
            products[block, :first] = products[:first, block].T
        return cls(n=float(w.double().sum()), total=total, products=products)

    def __add__(self, other: Moments) -> Moments:
        return Moments(
            n=self.n + other.n,
            total=self.total + other.total,
            products=self.products + other.products,
        )

    @property
    def mean(self) -> Tensor:
        return self.total / self.n

    @cached_property
    def covariance(self) -> Tensor:
        """With n - 1 below the line, float64 [d, d]."""
        return self.products.addr(self.total, self.mean, alpha=-1).div_(self.n - 1)

    @property
    def trace(self) -> Tensor:
        """That of the covariance, without the whole of it."""
        return (self.products.diagonal().sum() - self.total @ self.mean) / (self.n - 1)

    @cached_property
    def root(self) -> Tensor:
        """The symmetric square root of the covariance."""
        if self.known_root is not None:
            return self.known_root
        values, vectors = torch.linalg.eigh(self.covariance)
        return (vectors * values.clamp_min(0).sqrt()) @ vectors.T


def frechet(real: Moments, fake: Moments) -> float:
    """|m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^1/2) by the eigenvalues of S1^1/2 S2 S1^1/2.

    That product is symmetric, so nothing is ever complex; what rounding makes negative is 0.
    The root of the real covariance is made once and kept.
    """
    inner = real.root @ fake.covariance @ real.root
    trace = torch.linalg.eigvalsh(inner).clamp_min(0).sqrt().sum()
    gap = (real.mean - fake.mean).square().sum()
    return (gap + real.trace + fake.trace - 2 * trace).item()


def frechet_of_few(real: Moments, vectors: Tensor, weights: Tensor | None = None) -> float:
    """The same for fewer fakes than features, from a matrix of n x n.

    tr (S1 S2)^1/2 is the sum of the singular values of S1^1/2 C^T, where S2 = C^T C. Mathiasen &
    Hvilshøj 2020, https://arxiv.org/abs/2009.14075, section 3.

    Args:
        vectors: float32 [n, d] of the fakes.
        weights: [n] summing to n, by default 1 each.
    """
    x = vectors.to(real.mean.device).double()
    n = len(x)
    w = torch.ones(n, dtype=torch.float64) if weights is None else weights.double()
    w = w.to(x.device)
    mean = (x * w[:, None]).sum(0) / n
    c = (x - mean) * (w / (n - 1)).sqrt()[:, None]
    factor = c @ real.root
    trace = torch.linalg.eigvalsh(factor @ factor.T).clamp_min(0).sqrt().sum()
    gap = (real.mean - mean).square().sum()
    return (gap + real.trace + c.square().sum() - 2 * trace).item()


def frechet_of_subsets(real: Moments, vectors: Tensor, subsets: list[Tensor]) -> list[float]:
    """The same for several subsets of the same fakes, whose large products are made only once.

    With the fakes turned by S1^1/2, the covariance of a subset is S1^1/2 S2 S1^1/2 itself; its
    eigenvalues are those of the centred scalar products, of which there are less when n < d.

    Args:
        vectors: float32 [n, d], few enough for float64 copies.
        subsets: the rows of each, int64 [m], m >= 2.
    """
    x = vectors.to(real.mean.device).double() - real.mean
    squares = x.square().sum(1)
    turned = x @ real.root
    gram = turned @ turned.T if len(x) < x.shape[1] else None
    values = []
    for rows in subsets:
        m = len(rows)
        gap = (torch.zeros_like(squares).index_fill_(0, rows, 1 / m) @ x).square().sum()
        spread = (squares[rows].sum() - m * gap) / (m - 1)
        if gram is None:
            inner = Moments.of(turned[rows], device=str(x.device)).covariance
        else:
            inner = gram[rows[:, None], rows]
            middle = inner.mean(0)
            inner.sub_(middle).sub_(middle[:, None]).add_(middle.mean()).div_(m - 1)
        trace = torch.linalg.eigvalsh(inner).clamp_min(0).sqrt().sum()
        values.append((gap + real.trace + spread - 2 * trace).item())
    return values
