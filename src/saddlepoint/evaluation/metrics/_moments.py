"""Mean and covariance of features, and the Fréchet distance of two of them. All float64."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

ROWS_AT_ONCE = 1024
"""Rows copied to float64 at once: no copy of a whole set is ever in memory."""
COLUMNS_AT_ONCE = 256
"""Columns of a block of the covariance."""


@dataclass(frozen=True, kw_only=True)
class Moments:
    """Sums over the features of a set."""

    n: float
    """Number of images (or the sum of their weights)."""
    total: Tensor
    """float64 [d]: sum of x."""
    products: Tensor
    """float64 [d, d]: sum of x x^T."""
    kept_factor: Tensor | None = None
    """`factor`, where an earlier evaluation kept it."""

    @classmethod
    def of(cls, vectors: Tensor, weights: Tensor | None = None, device: str = "cpu") -> Moments:
        """vectors float32 [n, d]; weights [n] >= 0, by default 1 each."""
        d = vectors.shape[1]
        total = torch.zeros(d, dtype=torch.float64, device=device)
        products = torch.zeros(d, d, dtype=torch.float64, device=device)
        # In float64: the covariance is a difference of large sums (mean of x x^T - mean mean^T).
        w = torch.ones(len(vectors)) if weights is None else weights
        for rows, shares in zip(vectors.split(ROWS_AT_ONCE), w.split(ROWS_AT_ONCE), strict=True):
            x = rows.to(device).double()
            weighted = x if weights is None else x * shares.to(device).double()[:, None]
            total += weighted.sum(0)
            # The matrix is symmetric: only the blocks on and above the diagonal are computed.
            for first in range(0, d, COLUMNS_AT_ONCE):
                block = slice(first, first + COLUMNS_AT_ONCE)
                products[block, first:].addmm_(x[:, block].T, weighted[:, first:])
        for first in range(COLUMNS_AT_ONCE, d, COLUMNS_AT_ONCE):
            block = slice(first, first + COLUMNS_AT_ONCE)
            products[block, :first] = products[:first, block].T
        return cls(n=float(w.double().sum()), total=total, products=products)

    @property
    def mean(self) -> Tensor:
        return self.total / self.n

    @cached_property
    def covariance(self) -> Tensor:
        """Unbiased (divided by n - 1), float64 [d, d]."""
        return self.products.addr(self.total, self.mean, alpha=-1).div_(self.n - 1)

    @property
    def trace(self) -> Tensor:
        """Trace of the covariance, without computing the rest of it."""
        return (self.products.diagonal().sum() - self.total @ self.mean) / (self.n - 1)

    @cached_property
    def factor(self) -> Tensor:
        """L, float64 [d, d], with L L^T = the covariance."""
        if self.kept_factor is not None:
            return self.kept_factor
        # Any such L will do. With Cholesky's, FID takes less than half of the time that it takes
        # with eigenvectors (docs/log.md, "FID by a Cholesky factor"); but it needs a positive
        # definite matrix, which fewer images than features, or a constant feature, do not give.
        lower, failed = torch.linalg.cholesky_ex(self.covariance)
        if not failed:
            return lower
        values, vectors = torch.linalg.eigh(self.covariance)
        return vectors * values.clamp_min(0).sqrt()


def frechet(real: Moments, fake: Moments) -> float:
    """Squared Fréchet distance of two Gaussians with these moments.

    |m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^1/2)    (1)

    With S1 = L L^T, the matrix S1 S2 = L (L^T S2) has the eigenvalues of

    L^T S2 L    (2)

    which is symmetric, so nothing is ever complex; tr (S1 S2)^1/2 is the sum of their roots.
    """
    inner = real.factor.T @ fake.covariance @ real.factor  # (2)
    gap = (real.mean - fake.mean).square().sum()
    return (gap + real.trace + fake.trace - 2 * _trace_of_root(inner)).item()  # (1)


class ProjectedFakes:
    """Fakes multiplied by the factor of the real covariance: the distances of many subsets or
    resamples of one set then share their large products.

    For y = (x - m1) L the covariance of y is the matrix (2) of `frechet`. Its eigenvalues are,
    but for zeros, those of the centred scalar products y y^T, which is the smaller matrix when
    there are fewer fakes than features.
    Paper: Mathiasen & Hvilshøj 2020, https://arxiv.org/abs/2009.14075, section 3.
    """

    def __init__(self, real: Moments, vectors: Tensor) -> None:
        """
        Args:
            vectors: float32 [n, d], few enough for two copies in float64.
        """
        self.real = real
        self.x = vectors.to(real.mean.device).double() - real.mean
        self.squares = self.x.square().sum(1)
        self.y = self.x @ real.factor
        self.gram = self.y @ self.y.T if len(self.x) < self.x.shape[1] else None

    def distance(self, weights: Tensor | None = None) -> float:
        """`frechet` of the real set and the weighted fakes.

        Args:
            weights: [n] >= 0, how often each fake counts; by default once each.
        """
        w = torch.ones(len(self.x)) if weights is None else weights
        w = w.to(self.x.device).double()
        n = w.sum()
        gap = (w @ self.x / n).square().sum()
        trace = (w @ self.squares - n * gap) / (n - 1)
        rows = w.nonzero()[:, 0]  # a resample leaves a third out: a smaller matrix
        w = w[rows]
        if self.gram is None:
            inner = Moments.of(self.y[rows], w, str(self.y.device)).covariance
        else:
            inner = self.gram[rows[:, None], rows]
            middle = inner @ w / n
            inner = inner - middle - middle[:, None] + w @ middle / n
            inner *= (w * w[:, None] / (n - 1).square()).sqrt()
        return (gap + self.real.trace + trace - 2 * _trace_of_root(inner)).item()  # (1)


def _trace_of_root(matrix: Tensor) -> Tensor:
    """tr M^1/2 of a symmetric positive semidefinite matrix."""
    # Rounding makes zero eigenvalues slightly negative.
    return torch.linalg.eigvalsh(matrix).clamp_min(0).sqrt().sum()
