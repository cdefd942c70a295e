"""Kernel Inception Distance."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from saddlepoint.core.measures import Comparison, Measured, Metric
from saddlepoint.core.randomness import derive_seed
from saddlepoint.core.registry import register
from saddlepoint.evaluation.metrics._bootstrap import around, quantiles
from saddlepoint.evaluation.metrics._kernel import subset_size
from saddlepoint.evaluation.metrics._pairwise import pairwise


@register("kid")
@dataclass(frozen=True, kw_only=True)
class Kid(Metric):
    """Squared MMD with the kernel (x.y / d + 1)^3, unbiased: near 0, and sometimes below, for equal
    distributions.

    kid: over all pairs of the whole sets; its interval resamples the images, and is up to 1.7 times
    too wide for equal distributions. kid_subsets: the mean over 100 subsets of 1,000, which is what
    papers report; its interval is that of the mean over the subsets.
    Paper: Bińkowski et al. 2018, https://arxiv.org/abs/1801.01401, section 4 and equation 4.
    """

    def unfit(self, comparison: Comparison) -> str:
        return "" if comparison.smallest >= 2 else "needs two images in each set"

    def measure(self, comparison: Comparison) -> dict[str, Measured]:
        by_subset, value, resamples = pairwise(comparison).kernel.squared_mmds()
        mean, spread = by_subset.mean().item(), by_subset.std(correction=0).item()
        size, interval = subset_size(comparison), None
        # Subsets as large as a whole set are all the same there, and would look certain.
        if comparison.n_bootstrap and size < comparison.smallest:
            generator = torch.Generator().manual_seed(derive_seed(comparison.seed, "kid", 0))
            n = len(by_subset)
            drawn = torch.randint(n, (comparison.n_bootstrap, n), generator=generator)
            interval = quantiles(by_subset[drawn].mean(1))
        note = f"100 subsets of {size:,}; standard deviation {spread:.6f}"
        whole = around(value, resamples.tolist())
        return {
            "kid": Measured(value=value, interval=whole, better="lower"),
            "kid_subsets": Measured(value=mean, interval=interval, note=note, better="lower"),
        }
