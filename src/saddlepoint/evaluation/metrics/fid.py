"""Fréchet Inception Distance, and what it would be with unlimited samples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from saddlepoint.core.measures import Comparison, Measured, Metric
from saddlepoint.core.randomness import derive_seed
from saddlepoint.core.registry import register
from saddlepoint.evaluation.metrics._bootstrap import interval_of, quantiles, weights
from saddlepoint.evaluation.metrics._moments import Moments, ProjectedFakes, frechet

FEW = 5000
"""Below this many images in either set, FID comes with a note on its bias and with FID infinity."""
WIDEST_EXACT_BOOTSTRAP = 256
"""With more features a covariance per resample is too expensive: only the linear part of FID is
resampled."""


def moments_of(comparison: Comparison, side: Literal["real", "fake"]) -> Moments:
    """Mean and covariance of one side, computed once for all measures."""
    vectors = getattr(comparison, side).vectors
    return comparison.once(f"moments-{side}", lambda: Moments.of(vectors, device=comparison.device))


def distance(real: Moments, vectors: Tensor, weights: Tensor | None = None) -> float:
    """FID of weighted fakes, by whichever of two equal formulas works on the smaller matrix.

    Args:
        weights: [n] >= 0, how often each fake counts; by default once each.
    """
    if len(vectors) < vectors.shape[1]:
        return ProjectedFakes(real, vectors).distance(weights)
    return frechet(real, Moments.of(vectors, weights, str(real.mean.device)))


@register("fid")
@dataclass(frozen=True, kw_only=True)
class Fid(Metric):
    """|m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^1/2) of Gaussians fitted to both sets of features.

    FID falls as the number of images grows, although nothing improves: only compare FIDs of equal
    numbers of images. fid_infinity extrapolates a line over 1/n to 0; it is measured when a set
    has fewer than 5,000 images, or with `infinity`.
    Papers: Heusel et al. 2017, https://arxiv.org/abs/1706.08500, equation 6; Chong & Forsyth 2020,
    https://arxiv.org/abs/1911.07023, section 3 (here with random latents instead of Sobol ones).
    """

    infinity: bool = False
    """Measure fid_infinity for any number of images."""

    def unfit(self, comparison: Comparison) -> str:
        return "" if comparison.smallest >= 2 else "needs two images in each set"

    def measure(self, comparison: Comparison) -> dict[str, Measured]:
        real = moments_of(comparison, "real")
        vectors = comparison.fake.vectors.to(comparison.device)
        value = distance(real, vectors)
        few = comparison.smallest < FEW
        note = f"biased upwards: fewer than {FEW:,} images" if few else ""
        interval = _interval(comparison, value)
        found = {"fid": Measured(value=value, interval=interval, note=note, better="lower")}
        if (few or self.infinity) and len(vectors) >= 50:
            found["fid_infinity"] = _infinity(real, vectors, comparison)
        return found


def _interval(comparison: Comparison, value: float) -> tuple[float, float] | None:
    real_x, fake_x = comparison.real.vectors, comparison.fake.vectors
    n, d = fake_x.shape
    # The linear part needs covariances of full rank; without them no interval is honest.
    if d > WIDEST_EXACT_BOOTSTRAP:
        return _linear_interval(comparison, value) if min(n, len(real_x)) > d else None

    def replicate(real_share: Tensor, fake_share: Tensor) -> float:
        real = Moments.of(real_x, real_share * len(real_x), comparison.device)
        return distance(real, fake_x.to(comparison.device), fake_share * n)

    return interval_of(value, replicate, comparison, "fid")


def _linear_interval(comparison: Comparison, value: float) -> tuple[float, float] | None:
    """Bootstrap of the first-order part of FID: the influence of each image is resampled."""
    if not comparison.n_bootstrap:
        return None
    real = moments_of(comparison, "real")
    fake = moments_of(comparison, "fake")
    # To first order FID changes by the mean influence of the images that a resample holds.
    changes = torch.zeros(comparison.n_bootstrap, dtype=torch.float64)
    for side, of, other in (("real", real, fake), ("fake", fake, real)):
        rows = getattr(comparison, side).vectors
        influence = influences(of, other, rows)
        drawn = weights(len(rows), comparison, f"fid-{side}")
        changes += torch.stack([share.double() @ influence for share in drawn])
    low, high = quantiles(changes)
    return value + low, value + high


def influences(of: Moments, other: Moments, vectors: Tensor) -> Tensor:
    """How much each image of a set changes FID, to first order: float64 [n] with mean 0.

    The derivative of FID by the set's covariance S is I - T. T is the optimal transport map from
    N(0, S) to N(0, S'), the only symmetric positive T with T S T = S'. With S' = L L^T it is

    T = L (L^T S L)^-1/2 L^T    (1)
    """
    factor = other.factor
    values, basis = torch.linalg.eigh(factor.T @ of.covariance @ factor)
    # Directions in which the set does not vary have no inverse and no influence.
    kept = values > values.max() * 1e-12
    inverse_root = torch.where(kept, values.clamp_min(1e-300).rsqrt(), torch.zeros_like(values))
    transport = factor @ ((basis * inverse_root) @ basis.T) @ factor.T  # (1)
    slope = torch.eye(len(values), dtype=values.dtype, device=values.device) - transport
    gap = 2 * (of.mean - other.mean)  # the derivative of |m1 - m2|^2
    parts = []
    for rows in vectors.split(4096):
        x = rows.to(values.device).double() - of.mean
        parts.append(x @ gap + ((x @ slope) * x).sum(1))
    influence = torch.cat(parts).cpu()
    return influence - influence.mean()


def _infinity(real: Moments, vectors: Tensor, comparison: Comparison) -> Measured:
    """Where a line through FID over 1/n, at 15 numbers of fakes, meets 1/n = 0."""
    n = len(vectors)
    generator = torch.Generator().manual_seed(derive_seed(comparison.seed, "fid-infinity", n))
    # Below the number of features FID leaves the line; from n / 2 up it is straight enough.
    sizes = torch.linspace(n // 2, n, 15).round().long().tolist()
    # Of many fakes there is no room for copies in float64.
    shared = ProjectedFakes(real, vectors) if n < FEW else None
    values = []
    for size in sizes:
        chosen = torch.zeros(n)
        chosen[torch.randperm(n, generator=generator)[:size]] = 1
        values.append(shared.distance(chosen) if shared else distance(real, vectors, chosen))
    over_n = torch.tensor([[1.0 / size, 1.0] for size in sizes], dtype=torch.float64)
    line = torch.linalg.lstsq(over_n, torch.tensor(values, dtype=torch.float64)[:, None]).solution
    note = "extrapolated over the number of fakes; the bias of the real set remains"
    return Measured(value=line[1].item(), note=note, better="lower")
