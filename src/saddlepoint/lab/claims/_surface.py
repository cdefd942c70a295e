"""What a critic of points in the plane has learnt to express."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from saddlepoint.lab.claims._base import Numbers
from saddlepoint.losses.gradient_penalties import input_gradient

EDGE = 3.0
"""Half the side of the square on which surfaces are drawn; the ring has a radius of 2."""


def judged(
    critic: nn.Module, clip: float, real: Tensor, fake: Tensor, draws: torch.Generator
) -> Numbers:
    """Its slope, its weights at the bound, the distance that it finds, and its surface.

    Args:
        clip: the bound of its weights; 0: none.
        real, fake: float32 [n, 2] both.
    """
    between = torch.lerp(real, fake, torch.rand(len(real), 1, generator=draws))
    slope = input_gradient(critic, between, None).detach().norm(dim=1)
    everywhere = input_gradient(critic, torch.cat([real, fake, between]), None).detach()
    steepest = everywhere.norm(dim=1).max().item()
    with torch.no_grad():
        gap = (critic(real).mean() - critic(fake).mean()).item()
        side = torch.linspace(-EDGE, EDGE, 41)
        # Rows are the second coordinate. From 0 to 1: scales differ by powers of ten.
        surface = critic(torch.cartesian_prod(side, side)).view(41, 41).T
        surface = (surface - surface.min()) / (surface.max() - surface.min()).clamp_min(1e-30)
    weights = torch.cat([p.detach().flatten() for p in critic.parameters()])
    return {
        "slope": slope.mean().item(),
        "at_bound": (weights.abs() >= 0.98 * clip).float().mean().item() if clip else 0.0,
        # Scaled to a slope of at most 1 a critic's gap is a lower bound of the distance.
        "found": gap / max(steepest, 1e-30),
        "surface": [[round(v, 3) for v in row] for row in surface.tolist()],
    }
