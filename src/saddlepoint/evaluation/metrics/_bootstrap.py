"""Bootstrap intervals: how much a number would vary with other images from the same sources.

Efron & Tibshirani 1993, An Introduction to the Bootstrap, sections 13 and 14.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from saddlepoint.core.measures import Comparison, Measured
from saddlepoint.core.randomness import derive_seed


def mean_of(
    values: Tensor,
    comparison: Comparison,
    name: str,
    better: Literal["higher", "lower", ""] = "higher",
) -> Measured:
    """The mean over images, with a percentile interval.

    Args:
        values: bool or float [n], one per image.
    """
    rows = values.double().cpu()
    value = rows.mean().item()
    if not comparison.n_bootstrap or len(rows) < 2:
        return Measured(value=value, better=better)
    replicates = [(rows @ w.double()).item() for w in weights(len(rows), comparison, name)]
    return Measured(value=value, interval=quantiles(replicates), better=better)


def interval_of(
    value: float, replicate: Callable[[Tensor, Tensor], float], comparison: Comparison, name: str
) -> tuple[float, float] | None:
    """Interval of a statistic of both sets: its spread under resampling, centred at its value.

    A resample holds some images twice, so it is less varied than the set and its distances are too
    large: only the spread of the replicates about their own mean is used. A bias of the value
    itself (as FID has) is therefore not in the interval.

    Args:
        replicate: (weights of the real images, of the fakes; float32 [n], sum 1) -> value.
    """
    if not comparison.n_bootstrap:
        return None
    real = weights(len(comparison.real), comparison, f"{name}-real")
    fake = weights(len(comparison.fake), comparison, f"{name}-fake")
    return around(value, [replicate(r, f) for r, f in zip(real, fake, strict=True)])


def around(value: float, replicates: list[float]) -> tuple[float, float] | None:
    """The spread of replicates about their own mean, centred at a value.

    None without replicates, or if one is not finite: a resample of few images may hold only one.
    """
    if not np.isfinite(replicates).all() or not replicates:
        return None
    # Efron & Tibshirani's percentile interval, moved so that the replicates' bias is not in it.
    low, high = quantiles(replicates)
    middle = sum(replicates) / len(replicates)
    return value + low - middle, value + high - middle


def weights(n: int, comparison: Comparison, name: str) -> list[Tensor]:
    """The share of each of n images in a resample, float32 [n], n_bootstrap times."""
    # Its own stream for each number: another measure beside it does not change an interval.
    generator = torch.Generator().manual_seed(derive_seed(comparison.seed, f"bootstrap-{name}", n))
    drawn = (
        torch.randint(n, (n,), generator=generator).bincount(minlength=n)
        for _ in range(comparison.n_bootstrap)
    )
    return [counts.float() / n for counts in drawn]


def quantiles(replicates: Sequence[float] | Tensor) -> tuple[float, float]:
    """The ends of the middle 95 %."""
    low, high = np.quantile(np.asarray(replicates), [0.025, 0.975])
    return float(low), float(high)
