"""Latents by seed, and interpolation between them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def latents(seeds: Sequence[int], latent_dim: int) -> Tensor:
    """One latent per seed, from a CPU generator of its own: it depends neither on the device nor
    on the other seeds.

    Returns:
        float32 [n, latent_dim] on the CPU, each entry from N(0, 1).
    """
    source = torch.Generator("cpu")
    z = torch.empty(len(seeds), latent_dim)
    for row, seed in zip(z, seeds, strict=True):
        row.copy_(torch.randn(latent_dim, generator=source.manual_seed(int(seed))))
    return z


def slerp(start: Tensor, end: Tensor, share: Tensor) -> Tensor:
    """Spherical interpolation: along a great circle, with linearly changing length.

    Latents from N(0, I) lie near a sphere of radius sqrt(d); a straight line would cut through
    its inside, where the generator was never trained.

    Args:
        start, end: float [d].
        share: float [n] in [0, 1].

    Returns:
        float [n, d].
    """
    length_a, length_b = start.norm(), end.norm()
    if length_a == 0 or length_b == 0:  # the centre has no direction
        return start + share[:, None] * (end - start)
    a, b = start / length_a, end / length_b
    angle = torch.arccos((a * b).sum().clamp(-1, 1))
    share = share[:, None]
    if torch.sin(angle) < 1e-4:  # parallel, or opposite: no great circle is special
        direction = a + share * (b - a)
    else:
        # Shoemake 1985: sin((1 - t) w) / sin(w) a + sin(t w) / sin(w) b, w the angle between them.
        direction = torch.sin((1 - share) * angle) * a + torch.sin(share * angle) * b
        direction = direction / torch.sin(angle)
    return direction * (length_a + share * (length_b - length_a))
