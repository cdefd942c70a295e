"""Sliced Wasserstein distance: a cheap number that says which checkpoint is closer to the data."""

from __future__ import annotations

import torch
from torch import Tensor


@torch.no_grad()
def sliced_wasserstein(real: Tensor, fake: Tensor, n_directions: int = 128) -> float:
    """Mean over random directions of the 1-D Wasserstein-1 distance between the projections.

    Images of 32 pixels and more are first averaged down to about 16: fine noise should not count.
    The directions are fixed, so two calls can be compared.
    Paper: Bonneel et al. 2015, https://doi.org/10.1007/s10851-014-0506-3, equation 9 (with p = 1).

    Args:
        real, fake: float32 [n, c, h, w] or [n, d], the same n.

    Returns:
        A distance in the units of the values, 0 for equal sets. For equal distributions it is the
        noise of n samples, so it can rank sets of one size, but it is not an absolute quality.

    Raises:
        ValueError: sets of different sizes.
    """
    if len(real) != len(fake):
        raise ValueError(f"{len(real)} real and {len(fake)} fake items; the same number is needed")
    if real.dim() == 4 and real.shape[-1] >= 32:
        factor = real.shape[-1] // 16
        real = torch.nn.functional.avg_pool2d(real, factor)
        fake = torch.nn.functional.avg_pool2d(fake, factor)
    real, fake = real.flatten(1).float(), fake.flatten(1).float()
    generator = torch.Generator().manual_seed(0)
    directions = torch.randn(real.shape[1], n_directions, generator=generator).to(real.device)
    directions = directions / directions.norm(dim=0)
    # In one dimension the optimal plan pairs the sorted values.
    gaps = (real @ directions).sort(dim=0).values - (fake @ directions).sort(dim=0).values
    return gaps.abs().mean().item()
