"""What the discriminator makes of images that the loop does not show it now."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import torch
from torch import Tensor

from saddlepoint.diagnosis.signals.window import auc

Judge = Callable[[Tensor, Tensor | None], Tensor]
"""Images and labels -> outputs [n], with a graph back to the images."""

N_JUDGED = 64
N_REPLAYED = 32
N_SLOPES = 32


class Replay:
    """Fakes of earlier looks: the discriminator of a healthy run still tells them from real.

    Paper: Thanh-Tung and Tran 2020, https://arxiv.org/abs/1807.04015 (forgetting and collapse).
    """

    def __init__(self, looks: int = 5) -> None:
        self.fakes: deque[tuple[Tensor, Tensor | None]] = deque(maxlen=looks)

    def add(self, fake: Tensor, labels: Tensor | None) -> None:
        kept = None if labels is None else labels[:N_REPLAYED].clone()
        self.fakes.append((fake[:N_REPLAYED].detach().clone(), kept))

    def columns(self, judge: Judge, judged: Tensor) -> dict[str, float]:
        """replay_auc against the fakes of the two oldest looks kept, once there are two.

        Args:
            judged: the outputs for real images now.
        """
        if len(self.fakes) < 2:
            return {}
        with torch.no_grad():
            old = [judge(*pair) for pair in list(self.fakes)[:2]]
        return {"replay_auc": sum(auc(judged, outputs) for outputs in old) / len(old)}


@torch.no_grad()
def heldout_columns(
    judge: Judge, judged: Tensor, unseen: tuple[Tensor, Tensor | None]
) -> dict[str, float]:
    """heldout_auc: near 1/2 as long as the discriminator has not learned its images by heart.

    Args:
        judged: the outputs for images that are trained on.
    """
    images, labels = unseen
    new = judge(images[:N_JUDGED], None if labels is None else labels[:N_JUDGED])
    return {"heldout_auc": auc(judged, new)}


def slopes(
    judge: Judge, real: Tensor, fake: Tensor, labels: Tensor | None, seed: int
) -> dict[str, float]:
    """Gradient norms of the output by the image, over all its pixels."""
    n = min(N_SLOPES, len(real), len(fake))
    generator = torch.Generator().manual_seed(seed)
    mix = torch.rand(n, *[1] * (real.dim() - 1), generator=generator).to(real.device)
    between = mix * real[:n] + (1 - mix) * fake[:n]
    return {
        "input_gradient_norm": _slope(judge, between, labels),
        "input_gradient_norm_fake": _slope(judge, fake[:n], labels),
    }


def _slope(judge: Judge, images: Tensor, labels: Tensor | None) -> float:
    images = images.detach().clone().requires_grad_(True)
    with torch.enable_grad():
        outputs = judge(images, None if labels is None else labels[: len(images)])
        (gradient,) = torch.autograd.grad(outputs.float().sum(), images)
    return float(gradient.flatten(1).norm(dim=1).mean())
