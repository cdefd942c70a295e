"""Kernel Inception Distance."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from saddlepoint.core.measures import Comparison, Measured, Metric
from saddlepoint.core.randomness import derive_seed
from saddlepoint.core.registry import register
from saddlepoint.evaluation.metrics._bootstrap import around
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
        smallest = min(len(comparison.real), len(comparison.fake))
        return "" if smallest >= 2 else "needs two images in each set"

    def measure(self, comparison: Comparison) -> dict[str, Measured]:
        kernel = pairwise(comparison).kernel
        by_subset = kernel.subset_mmds()
        mean, spread = by_subset.mean().item(), by_subset.std(correction=0).item()
        value, interval = kernel.squared_mmd(), None
        # Subsets as large as a whole set are all the same there, and would look certain.
        smallest = min(len(comparison.real), len(comparison.fake))
        if comparison.n_bootstrap and kernel.subset_size < smallest:
            generator = torch.Generator().manual_seed(derive_seed(comparison.seed, "kid", 0))
            n = len(by_subset)
            drawn = torch.randint(n, (comparison.n_bootstrap, n), generator=generator)
            means = by_subset[drawn].mean(1)
            low, high = torch.quantile(means, torch.tensor([0.025, 0.975], dtype=torch.float64))
            interval = (low.item(), high.item())
        note = f"100 subsets of {kernel.subset_size:,}; standard deviation {spread:.6f}"
        return {
            "kid": Measured(
                value=value,
                interval=around(value, kernel.resampled_mmds().tolist()),
                better="lower",
            ),
            "kid_subsets": Measured(value=mean, interval=interval, note=note, better="lower"),
        }
