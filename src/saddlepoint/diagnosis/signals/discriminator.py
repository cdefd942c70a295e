"""What the discriminator makes of images that the loop does not show it now."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from saddlepoint.diagnosis.signals.logits import auc

Judge = Callable[[Tensor, Tensor | None], Tensor]
"""Images and labels -> outputs [n], with a graph back to the images."""

N_JUDGED = 64
N_SLOPES = 32


@torch.no_grad()
def heldout(
    judge: Judge, known: tuple[Tensor, Tensor | None], unseen: tuple[Tensor, Tensor | None]
) -> dict[str, float]:
    """heldout_auc: near 1/2 as long as the discriminator has not learned its images by heart.

    Args:
        known, unseen: images that are trained on and images that are not, with their labels.
    """
    judged = [judge(x[:N_JUDGED], None if y is None else y[:N_JUDGED]) for x, y in (known, unseen)]
    return {"heldout_auc": auc(*judged)}


def input_gradients(
    judge: Judge, real: Tensor, fake: Tensor, labels: Tensor | None, seed: int
) -> dict[str, float]:
    """input_gradient_norm and input_gradient_norm_fake: per image, over all pixels.

    Paper: Gulrajani et al. 2017, https://arxiv.org/abs/1704.00028, whose penalty keeps the norm at
    uniform interpolates near 1.
    """
    n = min(N_SLOPES, len(real), len(fake))
    generator = torch.Generator().manual_seed(seed)
    mix = torch.rand(n, *[1] * (real.dim() - 1), generator=generator).to(real.device)
    between = mix * real[:n] + (1 - mix) * fake[:n]
    return {
        "input_gradient_norm": _gradient_norm(judge, between, labels),
        "input_gradient_norm_fake": _gradient_norm(judge, fake[:n], labels),
    }


def _gradient_norm(judge: Judge, images: Tensor, labels: Tensor | None) -> float:
    images = images.detach().clone().requires_grad_(True)
    with torch.enable_grad():
        outputs = judge(images, None if labels is None else labels[: len(images)])
        (gradient,) = torch.autograd.grad(outputs.float().sum(), images)
    return float(gradient.flatten(1).norm(dim=1).mean())
